#include "weights/names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>

namespace sumi {

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    if (lead < 0x80) continue;
    const int tail = lead >= 0xC2 && lead < 0xE0   ? 1
                     : lead >= 0xE0 && lead < 0xF0 ? 2
                     : lead >= 0xF0 && lead < 0xF5 ? 3
                                                   : 0;
    if (tail == 0) return false;
    for (int k = 0; k < tail; ++k, ++i) {
      if (i == text.size()) return false;
      const auto byte = static_cast<unsigned char>(text[i]);
      // The first byte after the lead excludes over-long forms, surrogates and what lies past
      // U+10FFFF.
      const unsigned low = k > 0 ? 0x80 : lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
      const unsigned high = k > 0 ? 0xBF : lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
      if (byte < low || byte > high) return false;
    }
  }
  return true;
}

bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

std::string in_quotes(std::string_view name) {
  constexpr std::size_t kLongest = 120;
  const std::string_view shown = name.substr(0, kLongest);
  const bool readable = is_utf8(shown);
  std::string out = "\"";
  for (const char c : shown) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !readable))
      out += fmt::format("\\x{:02x}", byte);
    else
      out.push_back(c);
  }
  return out + (name.size() > kLongest ? "…\"" : "\"");
}

std::string dimensions(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

bool checked_bytes(std::span<const std::int64_t> shape, std::size_t element_bytes,
                   std::uint64_t& bytes) {
  std::int64_t product = static_cast<std::int64_t>(element_bytes);
  for (const std::int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(product, extent, &product)) return false;
  bytes = static_cast<std::uint64_t>(product);
  return true;
}

}  // namespace sumi
