#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sumi {

/// The longest tensor name that is read or written.
constexpr std::size_t kMaxNameBytes = 4096;

/// The most tensors one file may hold. The largest published models have some 2,000.
constexpr std::size_t kMaxTensors = 100'000;

/// The most dimensions a tensor may have.
constexpr std::size_t kMaxRank = 8;

/// Whether the text is valid UTF-8 (RFC 3629: no over-long forms, no surrogates, nothing past
/// U+10FFFF).
bool is_utf8(std::string_view text);

/// Whether a name from a file can only mean a file in the same folder: no slashes, not "." or "..".
bool is_plain_file_name(std::string_view name);

/// A name from a file as it may stand in an error: in quotes, bytes that are not printable shown as
/// \xNN, cut after 120 bytes.
std::string in_quotes(std::string_view name);

/// "[1, 4, 64, 64]".
std::string dimensions(std::span<const std::int64_t> shape);

/// Multiplies the extents and `element_bytes`; false when one is negative or the product does not
/// fit into 63 bits.
bool checked_bytes(std::span<const std::int64_t> shape, std::size_t element_bytes,
                   std::uint64_t& bytes);

}  // namespace sumi
