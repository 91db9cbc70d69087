#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

namespace sumi {

/// Blocks of one stretch of addresses, for memory that comes and goes in large pieces: activations.
/// A request takes the smallest gap that holds it, the lowest of several; what is freed joins its
/// neighbours. Pages that were touched stay with the process until trim(), so that a network that
/// runs again finds its memory mapped. Safe for use by several threads; a block may be freed by
/// another thread than the one that took it, at any time.
class Arena {
 public:
  /// What is in use, in bytes of whole pages.
  struct Usage {
    std::size_t live = 0;    ///< in blocks now
    std::size_t peak = 0;    ///< the most so far, or since reset_peak()
    std::size_t extent = 0;  ///< the highest address used since then, counted from the start
  };

  /// Reserves addresses, no memory. Takes less where the system refuses so much; may end with none.
  explicit Arena(std::size_t reserved_bytes);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// `bytes`, aligned to 4096; null when no gap is left that holds them.
  void* allocate(std::size_t bytes);
  /// Gives a block back. Only what allocate() returned.
  void free(void* block);
  bool owns(const void* address) const;

  /// Gives the pages of all gaps back to the system.
  void trim();
  Usage usage() const;
  /// From now on the peak counts anew, beginning with what is in use.
  void reset_peak();
  std::size_t reserved() const { return reserved_; }

 private:
  using Gap = std::pair<std::size_t, std::size_t>;  ///< {bytes, offset}: sorted by fit
  void add_gap(std::size_t offset, std::size_t bytes);
  void remove_gap(std::map<std::size_t, std::size_t>::iterator gap);

  std::byte* start_ = nullptr;
  std::size_t reserved_ = 0;
  mutable std::mutex mutex_;
  std::map<std::size_t, std::size_t> gaps_;  ///< offset to bytes
  std::set<Gap> by_size_;
  std::unordered_map<std::size_t, std::size_t> blocks_;  ///< offset to bytes
  Usage usage_;
};

}  // namespace sumi
