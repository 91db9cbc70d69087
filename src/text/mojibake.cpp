#include "text/mojibake.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "text/unicode.h"

namespace sumi {
namespace {

struct Range {
  char32_t first, last;
};
using UpperHalf = std::array<char16_t, 128>;

#include "text/mojibake_tables.inc"

// What a character is to the rules below, one bit each.
using Classes = std::uint64_t;
enum : Classes {
  Common = 1ull << 0,
  C1 = 1ull << 1,
  Bad = 1ull << 2,
  Law = 1ull << 3,
  Currency = 1ull << 4,
  Start = 1ull << 5,
  End = 1ull << 6,
  Numeric = 1ull << 7,
  Faces = 1ull << 8,
  Upper = 1ull << 9,
  Lower = 1ull << 10,
  UpperCommon = 1ull << 11,
  LowerCommon = 1ull << 12,
  Box = 1ull << 13,
  AsciiLower = 1ull << 14,
  AsciiUpper = 1ull << 15,
  NoAsciiLetter = 1ull << 16,
  White = 1ull << 17,
  Blank = 1ull << 18,  // U+0020
  Word = 1ull << 19,
  NoNewLine = 1ull << 20,
  FirstOf2 = 1ull << 21,
  FirstOf3 = 1ull << 22,
  FirstOf4 = 1ull << 23,
  Continuation = 1ull << 24,
  ContinuationStrict = 1ull << 25,
  // Sets that a single rule needs; see kSets.
  Set0 = 1ull << 26,
};
constexpr Classes set_bit(int index) { return Set0 << index; }

constexpr std::u32string_view kSets[] = {
    U"\u0152\u0153",              // 0  OE
    U"\u00B0",                    // 1  degree
    U"\u00C2\u00C3\u00CE\u00D0",  // 2  first bytes of common pairs
    U"\u20AC\u0153\u0160\u0161\u00A2\u00A3\u0178\u017E\u00A0\u00AD\u00AE\u00A9\u00B0\u00B7\u00BB"
    U"\u2013\u2014\u00B4",
    U"\u00D7",                                // 4  times
    U"\u00B2\u00B3",                          // 5  squared, cubed
    U"\u00D8\u00D9",                          // 6  first bytes of Arabic
    U"\u0178\u0160\u00AE\u00B0\u00B5\u00BB",  // 7  second bytes of Arabic
    U"\u00E0",                                // 8  a grave
    U"\u00B2\u00B5\u00B9\u00BC\u00BD\u00BE",  // 9  South Asian second bytes
    U"\u221A",                                // 10 root, Mac Roman C3
    U"\u00B1\u2202\u2020\u2260\u00AE\u2122\u00B4\u2264\u2265\u00A5\u00B5\u00F8",
    U"\u2248",        // 12 almost equal, Mac Roman C5
    U"\u00B0\u00A2",  // 13
    U"\u201A",        // 14 low quote, Mac Roman E2
    U"\u00C4",        // 15 A diaeresis, Mac Roman 80
    U"\u00EC\u00EE\u00EF\u00F2\u00F4\u00FA\u00F9\u00FB\u2020\u00B0\u00A2\u03C0",
    U"\u00E2\u00F3",                          // 17
    U"\u00E0\u00E4\u00B0\u00EA",              // 18
    U"\u0432",                                // 19 Windows-1251 E2
    U"\u0402",                                // 20 Windows-1251 80
    U"\u0412\u0413\u0420\u0421",              // 21 Windows-1251 C2, C3, D0, D1
    U"\u00B0\u00B5",                          // 22
    U"\u0413",                                // 23 five letters of a double misreading
    U"\u045E",                                // 24
    U"\u0412",                                // 25
    U"\u00C3",                                // 26 A tilde
    U"\u00A0\u00A1",                          // 27
    U"\u00C2\u00C3",                          // 28
    U"\u00C2",                                // 29 A circumflex
    U".,?!",                                  // 30
    U"\u03B2",                                // 31 Windows-1253 E2
    U"\u20AC",                                // 32 euro, 80 in most
    U"\u2122\u00A0\u0386\u00AD\u00AE\u00B0",  // 33
    U"\u0392\u0393\u039E\u039F",              // 34 Windows-1253 C2, C3, CE, CF
    U"\u0101",                                // 35 Windows-1257 E2
};

constexpr Classes kMarks = Box | Start | End | Currency | Numeric | Law;
constexpr Classes kAsciiLetter = AsciiLower | AsciiUpper;

/// A sequence of characters that speaks for mojibake; 0 ends a shorter rule.
using Rule = std::array<Classes, 6>;
constexpr Rule kRules[] = {
    {C1},
    {Bad | Lower | Upper | kMarks, Bad},
    {kAsciiLetter, LowerCommon | UpperCommon, Bad},
    {Bad, Lower | Upper | kMarks},
    {Lower | LowerCommon | Box | End | Currency | Numeric, Upper},
    {Box | End | Currency | Numeric, Lower},
    {Lower | Box | End, Currency},
    {White, Upper, Currency},
    {Upper | Box, Numeric | Law},
    {Lower | Upper | Box | Currency | End, Start, Numeric},
    {Lower | Upper | Currency | Numeric | Box | Law, End, Start},
    {Currency | Numeric | Box, Start},
    {AsciiLower, Upper, Start | Currency},
    {Box, Faces},
    {Lower | Upper | Currency | Numeric | Start | End | Law, Box},
    {Box, End},
    {Lower | Upper, Start | End, Word},
    {set_bit(0), NoAsciiLetter},
    {Upper, set_bit(1)},
    {set_bit(2), set_bit(3) | Start | End},
    {set_bit(4), set_bit(5)},
    {set_bit(6), Common | Currency | Bad | Numeric | Start | set_bit(7), set_bit(6),
     Common | Currency | Bad | Numeric | Start | set_bit(7)},
    {set_bit(8), set_bit(9)},
    {set_bit(10), set_bit(11)},
    {set_bit(12), set_bit(13)},
    {set_bit(14), set_bit(15), set_bit(16)},
    {set_bit(14), set_bit(17), set_bit(18)},
    {set_bit(19), set_bit(20)},
    {set_bit(21), C1 | Bad | Start | End | Currency | set_bit(22), set_bit(21)},
    {set_bit(23), set_bit(24), set_bit(25), set_bit(20), set_bit(25),
     NoNewLine},  // and a letter or blank
    {set_bit(26), set_bit(27)},
    {AsciiLower, set_bit(28), Blank},
    {AsciiLower, White, set_bit(28), Blank},
    {AsciiLower | set_bit(30) | End, set_bit(29), Blank | Start | End},
    {set_bit(31), set_bit(32), set_bit(33)},
    {set_bit(34), C1 | Bad | Start | End | Currency | set_bit(1), set_bit(34)},
    {set_bit(35), set_bit(32)},
};
constexpr std::size_t kLongRule = 29;  // the one with a seventh character

/// What some rule begins with.
constexpr Classes kFirsts = [] {
  Classes all = 0;
  for (const auto& rule : kRules) all |= rule[0];
  return all;
}();

Classes known_classes(char32_t c) {
  static const auto table = [] {
    std::unordered_map<char32_t, Classes> out;
    const auto add = [&](std::span<const Range> ranges, Classes bit) {
      for (const auto& [first, last] : ranges)
        for (char32_t point = first; point <= last; ++point) out[point] |= bit;
    };
    add(kCommon, Common), add(kBad, Bad), add(kLaw, Law), add(kCurrency, Currency),
        add(kStart, Start);
    add(kEnd, End), add(kNumeric, Numeric), add(kFaces, Faces), add(kUpperAccented, Upper);
    add(kLowerAccented, Lower), add(kUpperCommon, UpperCommon), add(kLowerCommon, LowerCommon);
    add(kBox, Box), add(kFirstOf2, FirstOf2), add(kFirstOf3, FirstOf3), add(kFirstOf4, FirstOf4);
    add(kContinuation, Continuation), add(kContinuationStrict, ContinuationStrict);
    for (char32_t point = 0x80; point <= 0x9F; ++point) out[point] |= C1;
    int index = 0;
    for (const auto set : kSets) {
      for (const char32_t point : set) out[point] |= set_bit(index);
      ++index;
    }
    return out;
  }();
  const auto found = table.find(c);
  return found == table.end() ? 0 : found->second;
}

bool is_ascii_letter(char32_t c) { return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z'); }

Classes compute_classes(char32_t c) {
  Classes out = known_classes(c);
  if (c >= U'a' && c <= U'z') out |= AsciiLower;
  if (c >= U'A' && c <= U'Z') out |= AsciiUpper;
  if (!is_ascii_letter(c)) out |= NoAsciiLetter;
  if (is_white_space(c) || (c >= 0x1C && c <= 0x1F)) out |= White;
  if (c == U' ') out |= Blank;
  if (c != U'\n') out |= NoNewLine;
  const auto kind = kind_of(c);
  if (kind == CharacterKind::letter || kind == CharacterKind::number || c == U'_') out |= Word;
  return out;
}

/// Nearly all characters of the rules are below this.
constexpr char32_t kTableEnd = 0x2600;

Classes classes_of(char32_t c) {
  static const auto table = [] {
    std::vector<Classes> out;
    for (char32_t point = 0; point < kTableEnd; ++point) out.push_back(compute_classes(point));
    return out;
  }();
  return c < kTableEnd ? table[c] : compute_classes(c);
}

/// Classes of each character, and of none beyond either end.
class ClassifiedText {
 public:
  explicit ClassifiedText(std::u32string_view text) : text_(text) {}

  Classes operator[](std::size_t i) const { return i < text_.size() ? classes_of(text_[i]) : 0; }
  bool has(std::size_t i, Classes wanted) const { return ((*this)[i] & wanted) != 0; }

 private:
  std::u32string_view text_;
};

bool rule_matches(const ClassifiedText& text, std::size_t at, const Rule& rule) {
  for (std::size_t i = 0; i < rule.size() && rule[i] != 0; ++i)
    if (!text.has(at + i, rule[i])) return false;
  return true;
}

bool is_ascii(std::u32string_view text) {
  return std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 0x80; });
}

// ---- single-byte encodings

enum class Encoding {
  latin1,
  windows1252,
  windows1251,
  windows1250,
  windows1253,
  windows1254,
  windows1257,
  iso8859_2,
  mac_roman,
  cp437
};

/// In the order in which they are tried.
constexpr Encoding kEncodings[] = {
    Encoding::latin1,      Encoding::windows1252, Encoding::windows1251, Encoding::windows1250,
    Encoding::windows1253, Encoding::windows1254, Encoding::windows1257, Encoding::iso8859_2,
    Encoding::mac_roman,   Encoding::cp437};

const UpperHalf* upper_half(Encoding encoding) {
  switch (encoding) {
    case Encoding::latin1:
      return nullptr;
    case Encoding::windows1252:
      return &kWindows1252;
    case Encoding::windows1251:
      return &kWindows1251;
    case Encoding::windows1250:
      return &kWindows1250;
    case Encoding::windows1253:
      return &kWindows1253;
    case Encoding::windows1254:
      return &kWindows1254;
    case Encoding::windows1257:
      return &kWindows1257;
    case Encoding::iso8859_2:
      return &kIso8859_2;
    case Encoding::mac_roman:
      return &kMacRoman;
    case Encoding::cp437:
      return &kCp437;
  }
  return nullptr;
}

bool is_windows(Encoding encoding) {
  return encoding >= Encoding::windows1252 && encoding <= Encoding::windows1257;
}

/// In the Windows encodings this byte stands for U+FFFD: a byte that somebody could not read.
constexpr char kLost = 0x1A;

/// The byte of each character of the Basic Multilingual Plane; 0 for those without one above ASCII.
std::vector<char> byte_table(Encoding encoding) {
  const UpperHalf* half = upper_half(encoding);
  std::vector<char> bytes(0x10000, '\0');
  for (std::size_t i = 0; i < 128; ++i)
    bytes[half ? (*half)[i] : 0x80 + i] = static_cast<char>(0x80 + i);
  for (std::size_t i = 0; i < 128; ++i) bytes[i] = static_cast<char>(i);
  if (is_windows(encoding)) {
    bytes[0xFFFD] = kLost;
    bytes[static_cast<std::size_t>(kLost)] = '\0';
  }
  return bytes;
}

/// The bytes that read as `text` in `encoding`; nothing when there are none.
std::optional<std::string> encode(std::u32string_view text, Encoding encoding) {
  static const auto tables = [] {
    std::vector<std::vector<char>> out;
    for (const auto each : kEncodings) out.push_back(byte_table(each));
    return out;
  }();
  const auto& bytes = tables[static_cast<std::size_t>(encoding)];
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    if (c > 0xFFFF || (bytes[c] == '\0' && c != 0)) return std::nullopt;
    out.push_back(bytes[c]);
  }
  return out;
}

// ---- bytes that nearly are UTF-8

struct ByteRange {
  unsigned char first, last;
};

/// One position of a byte pattern: up to four ranges.
using Position = std::vector<ByteRange>;
using BytePattern = std::vector<Position>;

bool byte_matches(const Position& position, char byte) {
  const auto value = static_cast<unsigned char>(byte);
  return std::any_of(position.begin(), position.end(), [&](const ByteRange& range) {
    return value >= range.first && value <= range.last;
  });
}

/// The length of the first pattern that matches at `at`; 0 for none.
std::size_t match_bytes(std::string_view bytes, std::size_t at,
                        const std::vector<BytePattern>& patterns) {
  for (const auto& pattern : patterns) {
    if (bytes.size() - at < pattern.size()) continue;
    std::size_t i = 0;
    while (i < pattern.size() && byte_matches(pattern[i], bytes[at + i])) ++i;
    if (i == pattern.size()) return i;
  }
  return 0;
}

const Position kTail = {{0x80, 0xBF}};
const Position kBlankByte = {{0x20, 0x20}};

/// UTF-8 sequences in which a plain space replaced byte A0, where the character that comes out is
/// likely.
const std::vector<BytePattern>& spaced_sequences() {
  static const Position middle = {{0x80, 0x84}, {0x86, 0x9F}, {0xA1, 0xBF}};
  static const std::vector<BytePattern> patterns = {
      {{{0xC2, 0xC3}, {0xC5, 0xC5}, {0xCE, 0xCE}, {0xD0, 0xD0}, {0xD9, 0xD9}}, kBlankByte},
      {{{0xE2, 0xE3}}, kBlankByte, middle},
      {{{0xE0, 0xE3}}, middle, kBlankByte},
      {{{0xF0, 0xF0}}, kBlankByte, kTail, kTail},
      {{{0xF0, 0xF0}}, kTail, kBlankByte, kTail},
      {{{0xF0, 0xF0}}, kTail, kTail, kBlankByte}};
  return patterns;
}

/// UTF-8 and CESU-8 sequences in which bytes were lost, or at most one became a question mark.
const std::vector<BytePattern>& lossy_sequences() {
  static const Position lost = {{0x1A, 0x1A}}, mark = {{0x1A, 0x1A}, {0x3F, 0x3F}};
  static const Position tail = {{0x1A, 0x1A}, {0x80, 0xBF}},
                        any = {{0x1A, 0x1A}, {0x3F, 0x3F}, {0x80, 0xBF}};
  static const Position ed = {{0xED, 0xED}}, high = {{0xA0, 0xAF}}, low = {{0xB0, 0xBF}};
  static const Position three = {{0xE0, 0xEF}}, four = {{0xF0, 0xF4}};
  static const std::vector<BytePattern> patterns = {{{{0xC2, 0xDF}}, lost},
                                                    {{{0xC2, 0xC3}}, {{0x3F, 0x3F}}},
                                                    {ed, high, mark, ed, low, any},
                                                    {ed, high, any, ed, low, mark},
                                                    {three, mark, tail},
                                                    {three, tail, mark},
                                                    {four, mark, tail, tail},
                                                    {four, tail, mark, tail},
                                                    {four, tail, tail, mark},
                                                    {lost}};
  return patterns;
}

bool is_grave_word(std::string_view behind) {
  for (const std::string_view word : {" ", "quele", "quela", "quilo", "s "})
    if (behind.starts_with(word)) return true;
  return false;
}

/// Puts A0 back where a space took its place. "C3 space" alone is most often the word "à" and keeps
/// its space, but for Portuguese "às", "àquele", "àquela", "àquilo".
std::string restore_hard_spaces(const std::string& bytes) {
  const auto& patterns = spaced_sequences();
  bool any = false;
  for (std::size_t i = 0; i < bytes.size() && !any; ++i) any = match_bytes(bytes, i, patterns) > 0;
  if (!any) return bytes;
  std::string words;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    words.push_back(bytes[i]);
    const bool blank_behind = bytes[i] == '\xC3' && i + 1 < bytes.size() && bytes[i + 1] == ' ';
    if (blank_behind && !is_grave_word(std::string_view(bytes).substr(i + 2)))
      words.push_back('\xA0');
  }
  for (std::size_t i = 0; i < words.size();) {
    const std::size_t length = match_bytes(words, i, patterns);
    for (std::size_t k = i; k < i + length; ++k)
      if (words[k] == ' ') words[k] = '\xA0';
    i += std::max<std::size_t>(length, 1);
  }
  return words;
}

std::string replace_lossy_sequences(const std::string& bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t length = match_bytes(bytes, i, lossy_sequences());
    if (length > 0) {
      out += "\xEF\xBF\xBD";
    } else {
      out.push_back(bytes[i]);
    }
    i += std::max<std::size_t>(length, 1);
  }
  return out;
}

/// A code point of CESU-8 (two surrogates of three bytes each) at `at`; 0 when there is none.
char32_t surrogate_pair_at(std::string_view bytes, std::size_t at) {
  if (bytes.size() - at < 6) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
  const bool fits = byte(0) == 0xED && byte(1) >= 0xA0 && byte(1) <= 0xAF &&
                    (byte(2) & 0xC0) == 0x80 && byte(3) == 0xED && byte(4) >= 0xB0 &&
                    byte(4) <= 0xBF && (byte(5) & 0xC0) == 0x80;
  if (!fits) return 0;
  return ((byte(1) & 0x0Fu) << 16) + ((byte(2) & 0x3Fu) << 10) + ((byte(4) & 0x0Fu) << 6) +
         (byte(5) & 0x3Fu) + 0x10000;
}

/// UTF-8, or its relatives with surrogate pairs (CESU-8) and a two-byte zero (Java).
std::optional<std::u32string> decode(const std::string& bytes) {
  std::string plain;
  plain.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    if (const char32_t point = surrogate_pair_at(bytes, i)) {
      append_utf8(plain, point);
      i += 6;
    } else if (bytes.compare(i, 2, "\xC0\x80") == 0) {
      plain.push_back('\0');
      i += 2;
    } else {
      plain.push_back(bytes[i++]);
    }
  }
  return try_decode_utf8(plain);
}

/// The text whose UTF-8 bytes read as `text` in one of the ten encodings.
std::optional<std::u32string> undo_misreading(std::u32string_view text) {
  for (const auto encoding : kEncodings) {
    auto bytes = encode(text, encoding);
    if (!bytes) continue;
    // In Mac Roman this would hit an en dash followed by a space.
    if (encoding != Encoding::mac_roman) bytes = restore_hard_spaces(*bytes);
    if (is_windows(encoding)) bytes = replace_lossy_sequences(*bytes);
    if (auto decoded = decode(*bytes)) return decoded;
  }
  return std::nullopt;
}

/// The end of a run of characters that, as bytes, could be UTF-8 sequences.
std::size_t run_end(const ClassifiedText& text, std::size_t at) {
  const auto tails = [&](std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i)
      if (!text.has(i, Continuation)) return false;
    return true;
  };
  for (;;) {
    if (text.has(at, FirstOf2) && tails(at + 1, 1)) {
      at += 2;
    } else if (text.has(at, FirstOf3) && tails(at + 1, 2)) {
      at += 3;
    } else if (text.has(at, FirstOf4) && tails(at + 1, 3)) {
      at += 4;
    } else {
      return at;
    }
  }
}

/// Repairs runs that look like UTF-8 in the midst of good text.
std::u32string repair_runs(const std::u32string& text) {
  const ClassifiedText classes(text);
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const bool may_start = i == 0 || !classes.has(i - 1, ContinuationStrict);
    const std::size_t end = may_start ? run_end(classes, i) : i;
    if (end == i) {
      out.push_back(text[i++]);
      continue;
    }
    auto run = text.substr(i, end - i);
    // Shorter than the text, or this would go round in circles.
    if (run.size() < text.size() && looks_like_mojibake(run)) run = repair_encoding(std::move(run));
    out += run;
    i = end;
  }
  return out;
}

std::u32string repair_once(const std::u32string& text) {
  if (auto better = undo_misreading(text)) return *better;
  auto runs = repair_runs(text);
  if (runs != text) return runs;
  replace_c1_controls(runs);
  return runs;
}

}  // namespace

bool looks_like_mojibake(std::u32string_view text) {
  if (is_ascii(text)) return false;
  const ClassifiedText classes(text);
  if (classes.has(0, set_bit(28)) && classes.has(1, Blank)) return true;
  const auto is_plain = [&](std::size_t i) { return i >= text.size() || text[i] < 0x80; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    // No rule is of ASCII alone, and none but the one with White has two of them first.
    if (is_plain(i) && is_plain(i + 1) && is_plain(i + 2)) continue;
    const Classes first = classes[i];
    if ((first & kFirsts) == 0) continue;
    for (std::size_t r = 0; r < std::size(kRules); ++r) {
      if ((first & kRules[r][0]) == 0 || !rule_matches(classes, i, kRules[r])) continue;
      if (r != kLongRule || classes.has(i + 6, kAsciiLetter | Blank)) return true;
    }
  }
  return false;
}

void replace_c1_controls(std::u32string& text) {
  for (char32_t& c : text)
    if (c >= 0x80 && c <= 0x9F) c = kWindows1252[c - 0x80];
}

std::u32string repair_encoding(std::u32string text) {
  constexpr int kMostRounds = 16;
  for (int round = 0; round < kMostRounds && looks_like_mojibake(text); ++round) {
    auto better = repair_once(text);
    if (better == text) break;
    text = std::move(better);
  }
  return text;
}

}  // namespace sumi
