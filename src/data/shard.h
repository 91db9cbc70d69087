#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/files.h"

namespace sumi {

/// A regular file inside a tar archive.
struct ShardMember {
  std::string name;  ///< as the archive says it: data, never a path
  std::uint64_t offset = 0;
  std::uint64_t size = 0;  ///< in bytes
};

struct ShardLimits {
  std::uint64_t member_bytes = 256u << 20;
  std::size_t members = 4'000'000;
  std::size_t pax_bytes = 64u << 10;
  std::size_t name_bytes = 1024;
};

/// Lists a WebDataset shard: an uncompressed tar (ustar, pax paths, GNU long names) of regular
/// files and folders. Strict: wrong checksums, members that reach past the end or past the limits,
/// a name twice, links, devices, sparse files, sizes said twice and differently, bytes after the
/// end mark or none at all are an Error naming `origin`.
std::vector<ShardMember> list_shard(std::span<const std::byte> archive, const std::string& origin,
                                    const ShardLimits& limits = {});

/// What comes before the first dot of a member's last part, with its folders: members that share it
/// are one sample (WebDataset). "a/0001.seg.png" -> "a/0001".
std::string_view shard_key(std::string_view name);
/// What follows that dot: "seg.png".
std::string_view shard_extension(std::string_view name);

/// Writes samples into `FOLDER/NAME-000000.tar` and so on, a new shard before one would pass
/// `shard_bytes`. The same samples give the same bytes everywhere: no times, owners or names of
/// this machine. A shard appears under its name only when whole.
class ShardWriter {
 public:
  /// Throws Error when the folder cannot be written.
  ShardWriter(std::filesystem::path folder, std::string name, std::uint64_t shard_bytes);
  ~ShardWriter();
  ShardWriter(const ShardWriter&) = delete;
  ShardWriter& operator=(const ShardWriter&) = delete;

  struct Part {
    std::string extension;  ///< "jpg", "txt", "json"
    std::string_view content;
  };
  /// A sample is never parted. Throws Error naming the shard when the disk is full.
  void add(const std::string& key, std::span<const Part> parts);
  /// Ends the last shard; returns their files.
  std::vector<std::filesystem::path> finish();

 private:
  void end_shard();

  std::filesystem::path folder_;
  std::string name_;
  std::uint64_t limit_ = 0;
  std::unique_ptr<AtomicFile> file_;
  std::uint64_t written_ = 0;
  std::vector<std::filesystem::path> shards_;
};

}  // namespace sumi
