#include "media/unicode.h"

#include <cstddef>
#include <cstdint>

namespace sumi {
namespace {

constexpr char32_t replacement = 0xFFFD;

/// Length of the well-formed sequence at the front of `text` and its code point; length 0 if
/// malformed.
std::size_t decode_one(std::string_view text, char32_t& point) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) {
    point = lead;
    return 1;
  }
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  char32_t value = lead & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
    value = value << 6 | (at(i) & 0x3Fu);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) return 0;
  point = value;
  return length;
}

}  // namespace

std::u32string utf8_to_utf32(std::string_view text) {
  std::u32string points;
  while (!text.empty()) {
    char32_t point = replacement;
    const std::size_t length = decode_one(text, point);
    points.push_back(point);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return points;
}

void put_utf8(std::string& out, char32_t point) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6);
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3F));
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

std::optional<std::string> utf8_to_latin1(std::string_view text) {
  std::string latin1;
  for (const char32_t point : utf8_to_utf32(text)) {
    if (point == 0 || point > 0xFF) return std::nullopt;
    latin1.push_back(static_cast<char>(point));
  }
  return latin1;
}

std::string latin1_to_utf8(std::string_view text) {
  std::string utf8;
  for (const char byte : text) put_utf8(utf8, static_cast<unsigned char>(byte));
  return utf8;
}

std::string utf8_to_utf16_be(std::string_view text) {
  std::string bytes;
  const auto put = [&](char32_t unit) {
    bytes.push_back(static_cast<char>(unit >> 8 & 0xFF));
    bytes.push_back(static_cast<char>(unit & 0xFF));
  };
  for (const char32_t point : utf8_to_utf32(text)) {
    if (point < 0x10000) {
      put(point);
    } else {
      put(0xD800 + ((point - 0x10000) >> 10));
      put(0xDC00 + ((point - 0x10000) & 0x3FF));
    }
  }
  return bytes;
}

std::string utf16_to_utf8(std::string_view bytes, ByteOrder order) {
  const auto unit = [&](std::size_t i) -> char32_t {
    const auto first = static_cast<unsigned char>(bytes[i]);
    const auto second = static_cast<unsigned char>(bytes[i + 1]);
    return order == ByteOrder::big ? first << 8 | second : second << 8 | first;
  };
  std::string utf8;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    char32_t point = unit(i);
    if (point >= 0xD800 && point <= 0xDFFF) {
      const char32_t low = i + 3 < bytes.size() ? unit(i + 2) : 0;
      const bool pair = point <= 0xDBFF && low >= 0xDC00 && low <= 0xDFFF;
      point = pair ? 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00) : replacement;
      if (pair) i += 2;
    }
    put_utf8(utf8, point);
  }
  return utf8;
}

std::string utf8_or_latin1(std::string_view text) {
  for (std::string_view rest = text; !rest.empty();) {
    char32_t point = 0;
    const std::size_t length = decode_one(rest, point);
    if (length == 0) return latin1_to_utf8(text);
    rest.remove_prefix(length);
  }
  return std::string(text);
}

}  // namespace sumi
