#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sumi {

/// Code points of UTF-8 text; every malformed sequence becomes one U+FFFD per byte.
std::u32string utf8_to_utf32(std::string_view text);

void put_utf8(std::string& out, char32_t code_point);

/// Latin-1 bytes, or nothing when a character lies outside Latin-1 or is NUL.
std::optional<std::string> utf8_to_latin1(std::string_view text);
std::string latin1_to_utf8(std::string_view text);

/// UTF-16 code units as big-endian bytes.
std::string utf8_to_utf16_be(std::string_view text);

enum class ByteOrder { big, little };

/// UTF-16 to UTF-8; lone surrogates become U+FFFD.
std::string utf16_to_utf8(std::string_view bytes, ByteOrder order);

/// `text` itself when it is well-formed UTF-8, otherwise read as Latin-1.
std::string utf8_or_latin1(std::string_view text);

}  // namespace sumi
