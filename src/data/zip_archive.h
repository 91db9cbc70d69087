#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "data/archive.h"

namespace sumi {

/// A zip archive whose members are stored or deflated (PKWARE's APPNOTE 6.3.10, without zip64),
/// read where it lies. Names are data: nothing is opened or written under them.
class ZipArchive {
 public:
  /// Reads the directory at the archive's end; `bytes` must outlive this. Throws Error naming
  /// `origin` when the directory is damaged, a member is encrypted, packed in another way or
  /// outside the archive, a name comes twice, or something is over the limits.
  ZipArchive(std::span<const std::byte> bytes, std::string origin,
             const ArchiveLimits& limits = {});

  bool contains(std::string_view name) const { return members_.contains(name); }
  /// A member's content. Throws Error when there is none of that name, or it does not have the size
  /// and the checksum that the directory says.
  std::string read(std::string_view name) const;

  struct Member {
    std::span<const std::byte> packed;
    std::uint32_t size = 0, checksum = 0;
    bool deflated = false;
  };
  /// By name; the names lie in the archive.
  const std::map<std::string_view, Member>& members() const { return members_; }

 private:
  [[noreturn]] void fail(const std::string& what) const;
  std::span<const std::byte> part(std::uint64_t offset, std::uint64_t size) const;
  std::uint32_t number(std::uint64_t offset, int bytes) const;
  std::uint64_t end_record() const;
  std::uint64_t read_entry(std::uint64_t at, const ArchiveLimits& limits);

  std::span<const std::byte> bytes_;
  std::string origin_;
  std::map<std::string_view, Member> members_;
};

}  // namespace sumi
