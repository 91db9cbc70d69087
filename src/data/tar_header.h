#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sumi {

// Inside this room: the header block of a tar entry (POSIX.1-1988 ustar), for both readers and the
// writer.

constexpr std::size_t tar_block_bytes = 512;
using TarBlock = std::array<char, tar_block_bytes>;

/// The text of a header field up to its first NUL.
std::string tar_field(const TarBlock& block, std::size_t offset, std::size_t length);

/// An octal number as tar writes it; nothing when the field holds anything else.
std::optional<std::uint64_t> tar_octal(const TarBlock& block, std::size_t offset,
                                       std::size_t length);

/// Sum of the header's bytes with its own field read as spaces.
std::uint64_t tar_checksum(const TarBlock& block);

inline std::optional<std::uint64_t> tar_size(const TarBlock& block) {
  return tar_octal(block, 124, 12);
}
inline bool tar_checksum_fits(const TarBlock& block) {
  return tar_octal(block, 148, 8) == tar_checksum(block);
}
inline char tar_type(const TarBlock& block) { return block[156]; }

/// Name with its ustar prefix.
std::string tar_name(const TarBlock& block);

/// The value of a record of a pax header ("LENGTH key=value\n" each), the last one if there are
/// several; nothing when there is none. `sound` becomes false when the records do not add up.
std::optional<std::string> pax_record(std::string_view records, std::string_view key, bool& sound);

}  // namespace sumi
