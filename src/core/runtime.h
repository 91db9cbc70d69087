#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace sumi {

/// A request to stop that any thread or signal handler can make. Copies share one flag.
class CancelToken {
 public:
  CancelToken() : flag_(std::make_shared<std::atomic<bool>>(false)) {}
  void request() { flag_->store(true, std::memory_order_relaxed); }
  bool requested() const { return flag_->load(std::memory_order_relaxed); }
  /// Throws Cancelled when a stop was requested.
  void check() const;

 private:
  std::shared_ptr<std::atomic<bool>> flag_;
};

/// Where and how to compute; a value handed down, never global state.
struct Runtime {
  std::string device = "cpu";  ///< "cpu", "cuda" or "cuda:N"
  int threads = 0;             ///< compute threads; 0 means every core this process may use
  CancelToken cancel;
};

/// Cores this process may run on (affinity and cgroup quota respected), at least 1.
int available_cores();

/// Bytes of physical memory available to new work without swapping, the limits of control groups
/// (containers) respected; 0 when unknown.
std::uint64_t available_memory_bytes();

/// Highest resident set of this process so far, in bytes.
std::uint64_t peak_memory_bytes();

}  // namespace sumi
