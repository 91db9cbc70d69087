#include "text/html_entities.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "text/unicode.h"

namespace sumi {
namespace {

using Entity = std::pair<std::string_view, std::u32string_view>;
constexpr Entity kEntities[] = {
#include "text/html_entities_table.inc"
};

/// What Windows-1252 has at 128–159; browsers read numbers there so. 0: the control itself.
constexpr std::array<char32_t, 32> kWindows1252 = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

bool is_forbidden(char32_t c) {
  const bool control =
      (c >= 1 && c <= 8) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || (c >= 0x7F && c <= 0x9F);
  const bool no_character = (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
  return control || no_character;
}

std::u32string numbered(std::uint64_t number) {
  if (number == 0) return U"\uFFFD";
  if (number >= 0x80 && number <= 0x9F) {
    const char32_t better = kWindows1252[number - 0x80];
    return std::u32string(1, better ? better : static_cast<char32_t>(number));
  }
  if (number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF)) return U"\uFFFD";
  const auto point = static_cast<char32_t>(number);
  return is_forbidden(point) ? std::u32string() : std::u32string(1, point);
}

int digit_value(char32_t c) {
  if (c >= U'0' && c <= U'9') return static_cast<int>(c - U'0');
  if (c >= U'a' && c <= U'f') return static_cast<int>(c - U'a') + 10;
  if (c >= U'A' && c <= U'F') return static_cast<int>(c - U'A') + 10;
  return 99;
}

/// Reads `#123;` or `#x1F;` at `at` (behind the ampersand) and moves `at` past it.
std::optional<std::u32string> read_number(std::u32string_view text, std::size_t& at) {
  std::size_t i = at + 1;
  const bool hex = i < text.size() && (text[i] == U'x' || text[i] == U'X');
  if (hex) ++i;
  const int radix = hex ? 16 : 10;
  const std::size_t first = i;
  std::uint64_t number = 0;
  for (; i < text.size() && digit_value(text[i]) < radix; ++i)
    number = std::min<std::uint64_t>(
        number * static_cast<unsigned>(radix) + static_cast<unsigned>(digit_value(text[i])),
        0x110000);
  if (i == first) return std::nullopt;
  if (i < text.size() && text[i] == U';') ++i;
  at = i;
  return numbered(number);
}

bool ends_name(char32_t c) {
  return c == U'\t' || c == U'\n' || c == U'\f' || c == U' ' || c == U'<' || c == U'&' ||
         c == U'#' || c == U';';
}

/// Reads the longest known name at `at` and moves `at` past it.
std::optional<std::u32string> read_name(std::u32string_view text, std::size_t& at) {
  constexpr std::size_t kLongest = 32;
  std::string name;
  std::size_t i = at;
  for (; i < text.size() && name.size() < kLongest && !ends_name(text[i]) && text[i] < 0x80; ++i)
    name.push_back(static_cast<char>(text[i]));
  if (i < text.size() && text[i] == U';') name.push_back(';');
  for (; name.size() > 1; name.pop_back()) {
    const auto found = html_entity(name);
    if (found.empty()) continue;
    at += name.size();
    return std::u32string(found);
  }
  return std::nullopt;
}

}  // namespace

std::u32string_view html_entity(std::string_view name) {
  const auto found = std::lower_bound(
      std::begin(kEntities), std::end(kEntities), name,
      [](const Entity& entity, std::string_view key) { return entity.first < key; });
  if (found == std::end(kEntities) || found->first != name) return {};
  return found->second;
}

std::u32string unescape_html(std::u32string text) {
  if (text.find(U'&') == text.npos) return text;
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != U'&' || i + 1 >= text.size()) {
      out.push_back(text[i++]);
      continue;
    }
    std::size_t behind = i + 1;
    const auto value = text[behind] == U'#' ? read_number(text, behind) : read_name(text, behind);
    if (value) {
      out += *value;
      i = behind;
    } else {
      out.push_back(text[i++]);
    }
  }
  return out;
}

}  // namespace sumi
