#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace sumi {

/// Reads a whole file of at most `max_bytes`. Throws Error naming the file and the cause.
std::string read_text_file(const std::filesystem::path& file, std::size_t max_bytes = 64u << 20);

/// A file mapped read-only; unmapped when the last copy goes. Cheap to copy.
class MappedFile {
 public:
  /// Throws Error when the file cannot be opened, is not a regular file or is empty.
  explicit MappedFile(const std::filesystem::path& file);

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }
  /// Keeps the mapping alive for views that outlive this object.
  std::shared_ptr<const void> owner() const { return owner_; }

 private:
  std::filesystem::path path_;
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
};

/// A file that appears under its name only when complete: written beside it as
/// `NAME.XXXXXX.partial`, fsynced, then renamed over the target by commit(). Without commit() the
/// destructor removes it. Every failed write (full disk, quota, I/O error) throws Error naming the
/// path.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path partial_;
  int descriptor_ = -1;
};

/// Writes `content` to `file` through AtomicFile.
void write_file(const std::filesystem::path& file, std::string_view content);
void write_file(const std::filesystem::path& file, std::span<const std::byte> content);

/// A directory under the system's temporary folder, removed with all it holds by the destructor.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Flushes a directory's entries to disk, so that a rename inside it survives a power cut.
void sync_directory(const std::filesystem::path& directory);

}  // namespace sumi
