#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sumi {

/// Things that can be made again, kept on disk by the text that they are a function of. One file
/// each, which appears only when whole and is checked against its key and checksum when it is read.
/// Several processes may share a folder. Copies share their count.
class DiskCache {
 public:
  /// `folder` is made when it is missing; `maker` is written into it for people (maker.json, what
  /// made these things). Nothing is kept beyond `limit_bytes` for all of `folder`. Throws Error
  /// when the folder cannot be made.
  DiskCache(std::filesystem::path folder, const std::string& maker, std::uint64_t limit_bytes);

  /// What is kept under `key`; empty when it is nothing, or damaged, or another's. Thread-safe.
  std::vector<std::byte> find(const std::string& key) const;

  /// Keeps bytes, at least one. A full disk or a full cache is told once in the log and no reason
  /// to stop: the thing is then made again the next time. Thread-safe.
  void keep(const std::string& key, std::span<const std::byte> bytes) const;

  std::uint64_t bytes() const { return state_->bytes; }

 private:
  struct State {
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<bool> told{false};
  };
  std::filesystem::path file_of(const std::string& key) const;
  void tell(const std::string& why) const;

  std::filesystem::path folder_;
  std::uint64_t limit_bytes_;
  std::shared_ptr<State> state_;
};

/// The content of a DiskCache's file: a stretch of its bytes, empty when they are damaged or were
/// kept under another key.
std::span<const std::byte> kept_content(std::span<const std::byte> file, const std::string& key);

/// One folder of kept things.
struct CacheUse {
  std::string name, maker;
  std::uint64_t files = 0, bytes = 0;
};

/// The folder of all caches beneath cache_directory().
std::filesystem::path kept_folder(const std::filesystem::path& cache);

/// What each cache beneath kept_folder() takes, by name.
std::vector<CacheUse> cache_uses(const std::filesystem::path& cache);

/// Removes all of them; nothing else lies there. Returns the bytes set free.
std::uint64_t clear_caches(const std::filesystem::path& cache);

}  // namespace sumi
