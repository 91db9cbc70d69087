#include "text/text_repair.h"

#include <algorithm>
#include <string_view>

#include "text/html_entities.h"
#include "text/mojibake.h"
#include "text/unicode.h"

namespace sumi {
namespace {

constexpr int kMostRounds = 16;

bool is_alphanumeric(char32_t c) {
  return (c >= U'0' && c <= U'9') || (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z');
}

bool is_lower_case(std::string_view name) {
  return std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

/// `name` ends with a semicolon. Names written all in capitals mean the capital letter, where HTML
/// has no entity of its own by that name.
std::u32string named_character(const std::string& name) {
  if (const auto found = html_entity(name); !found.empty()) return std::u32string(found);
  std::string lower = name;
  for (char& c : lower) {
    if (c >= 'a' && c <= 'z') return {};
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  // Without the semicolon HTML knows some capital names ("AMP"), which a browser would read here.
  for (std::size_t n = 2; n < name.size(); ++n)
    if (!html_entity(name.substr(0, n)).empty()) return {};
  const auto found = html_entity(lower);
  return found.empty() || !is_lower_case(lower) ? std::u32string() : upper_case(found);
}

/// The reference `&name;` or `&#number;` at `at`: its length and the text it stands for; length 0:
/// none.
struct Reference {
  std::size_t length = 0;
  std::u32string value;
};

Reference reference_at(std::u32string_view text, std::size_t at) {
  constexpr std::size_t kLongest = 24;
  std::size_t i = at + 1;
  const bool numeric = i < text.size() && text[i] == U'#';
  if (numeric) ++i;
  const std::size_t first = i;
  while (i < text.size() && i - first < kLongest && is_alphanumeric(text[i])) ++i;
  if (i == first || i >= text.size() || text[i] != U';') return {};
  const auto whole = text.substr(at, i + 1 - at);
  if (numeric) {
    auto value = unescape_html(std::u32string(whole));
    if (value.find(U';') != std::u32string::npos) return {};
    return {whole.size(), std::move(value)};
  }
  auto value = named_character(encode_utf8(whole.substr(1)));
  if (value.empty()) return {};
  return {whole.size(), std::move(value)};
}

/// Replaces entities that end with a semicolon. An ampersand that comes out of one is read again
/// with what follows it, so "&amp;amp;lt;" takes one pass.
std::u32string replace_entities(const std::u32string& text) {
  if (text.find(U'&') == std::u32string::npos) return text;
  std::u32string rest = text, out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < rest.size();) {
    if (rest[i] != U'&') {
      out.push_back(rest[i++]);
      continue;
    }
    const auto found = reference_at(rest, i);
    if (found.length == 0) {
      out.push_back(rest[i++]);
      continue;
    }
    i += found.length;
    if (found.value == U"&") {
      rest[--i] = U'&';
    } else {
      out += found.value;
    }
  }
  return out;
}

struct Replacement {
  char32_t from;
  std::u32string_view to;
};

constexpr Replacement kLigatures[] = {
    {0x0132, U"IJ"},      {0x0133, U"ij"},      {0x0149, U"\u02BCn"}, {0x01C4, U"D\u017D"},
    {0x01C5, U"D\u017E"}, {0x01C6, U"d\u017E"}, {0x01C7, U"LJ"},      {0x01C8, U"Lj"},
    {0x01C9, U"lj"},      {0x01CA, U"NJ"},      {0x01CB, U"Nj"},      {0x01CC, U"nj"},
    {0x01F1, U"DZ"},      {0x01F2, U"Dz"},      {0x01F3, U"dz"},      {0xFB00, U"ff"},
    {0xFB01, U"fi"},      {0xFB02, U"fl"},      {0xFB03, U"ffi"},     {0xFB04, U"ffl"},
    {0xFB05, U"\u017Ft"}, {0xFB06, U"st"}};

bool is_control(char32_t c) {
  return c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
         (c >= 0x206A && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

/// One character in its usual form: ligatures apart, half and full width forms at normal width,
/// straight quotes.
void append_plain(std::u32string& out, char32_t c) {
  if (c < 0x80) {
    out.push_back(c);
    return;
  }
  const auto ligature = std::find_if(std::begin(kLigatures), std::end(kLigatures),
                                     [&](const Replacement& entry) { return entry.from == c; });
  if (ligature != std::end(kLigatures)) {
    for (const char32_t part : ligature->to) append_plain(out, part);
  } else if (c == 0x3000) {
    out.push_back(U' ');
  } else if (c >= 0xFF01 && c <= 0xFFEF) {
    out += compatibility_form(c);
  } else if (c >= 0x201C && c <= 0x201F) {
    out.push_back(U'"');
  } else if (c == 0x02BC || (c >= 0x2018 && c <= 0x201B)) {
    out.push_back(U'\'');
  } else {
    out.push_back(c);
  }
}

/// The length of a terminal escape such as "\x1b[36;44m" at `at`; 0 when there is none.
std::size_t escape_length(std::u32string_view text, std::size_t at) {
  if (text[at] != 0x1B || at + 1 >= text.size() || text[at + 1] != U'[') return 0;
  std::size_t i = at + 2;
  while (i < text.size() && (text[i] == U';' || kind_of(text[i]) == CharacterKind::number)) ++i;
  const bool letter =
      i < text.size() && text[i] < 0x80 && is_alphanumeric(text[i]) && text[i] > U'9';
  return letter ? i + 1 - at : 0;
}

/// Line breaks of all kinds as \n; terminal escapes and control characters dropped.
std::u32string drop_controls(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    if (const std::size_t escape = escape_length(text, i)) {
      i += escape - 1;
    } else if (c == U'\r') {
      if (i + 1 >= text.size() || text[i + 1] != U'\n') out.push_back(U'\n');
    } else if (c == 0x2028 || c == 0x2029 || c == 0x85) {
      out.push_back(U'\n');
    } else if (!is_control(c)) {
      out.push_back(c);
    }
  }
  return out;
}

/// Printable ASCII and line feeds without an ampersand: what most prompts are.
bool is_sound(std::u32string_view line) {
  return std::all_of(line.begin(), line.end(),
                     [](char32_t c) { return (c >= 0x20 && c < 0x7F && c != U'&') || c == U'\n'; });
}

std::u32string repair_line(std::u32string line, bool unescape) {
  if (is_sound(line)) return line;
  for (int round = 0; round < kMostRounds; ++round) {
    auto fixed = unescape ? replace_entities(line) : line;
    fixed = repair_encoding(std::move(fixed));
    replace_c1_controls(fixed);
    std::u32string plain;
    plain.reserve(fixed.size());
    for (const char32_t c : fixed) append_plain(plain, c);
    fixed = compose(drop_controls(plain));
    if (fixed == line) break;
    line = std::move(fixed);
  }
  return line;
}

}  // namespace

std::u32string repair_text(std::u32string text) {
  constexpr std::size_t kLongestLine = 1'000'000;
  if (is_sound(text)) return text;
  std::u32string out;
  out.reserve(text.size());
  bool unescape = true;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.find(U'\n', at), text.size() - 1) + 1;
    end = std::min(end, at + kLongestLine);
    auto line = text.substr(at, end - at);
    // A literal '<' says that this is HTML whose entities are meant, from here on.
    if (line.find(U'<') != std::u32string::npos) unescape = false;
    out += repair_line(std::move(line), unescape);
    at = end;
  }
  return out;
}

}  // namespace sumi
