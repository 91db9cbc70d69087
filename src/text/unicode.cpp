#include "text/unicode.h"

#include <fmt/format.h>
#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <span>

#include "core/error.h"

namespace sumi {
namespace {

bool is_ascii(std::u32string_view text) {
  return std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 0x80; });
}

icu::UnicodeString to_icu(std::u32string_view text) {
  return icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data()),
                                       static_cast<int32_t>(text.size()));
}

std::u32string from_icu(const icu::UnicodeString& text) {
  std::u32string out(static_cast<std::size_t>(text.countChar32()), U'\0');
  UErrorCode status = U_ZERO_ERROR;
  text.toUTF32(reinterpret_cast<UChar32*>(out.data()), static_cast<int32_t>(out.size()), status);
  return out;
}

const icu::Normalizer2& form_c() {
  UErrorCode status = U_ZERO_ERROR;
  const auto* normalizer = icu::Normalizer2::getNFCInstance(status);
  if (U_FAILURE(status)) throw Error("ICU's normalisation data cannot be read", "install libicu72");
  return *normalizer;
}

CharacterKind ascii_kind(char32_t point) {
  if ((point >= U'a' && point <= U'z') || (point >= U'A' && point <= U'Z'))
    return CharacterKind::letter;
  if (point >= U'0' && point <= U'9') return CharacterKind::number;
  if (point == U' ' || (point >= 9 && point <= 13)) return CharacterKind::space;
  return CharacterKind::other;
}

std::uint8_t combining_class(char32_t c) {
  return c < 0x300 ? 0 : u_getCombiningClass(static_cast<UChar32>(c));
}

/// Sorts a run by combining class, equal ones as they were: counted, in linear time.
void sort_run(std::span<char32_t> run) {
  std::array<std::size_t, 257> starts{};
  for (const char32_t c : run) ++starts[combining_class(c) + 1u];
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  std::u32string sorted(run.size(), U'\0');
  for (const char32_t c : run) sorted[starts[combining_class(c)]++] = c;
  std::copy(sorted.begin(), sorted.end(), run.begin());
}

/// Combining marks of each run in canonical order (Unicode D109), which no normal form tells apart
/// from the order given. ICU sorts by insertion: squared time for marks in the wrong order.
void sort_marks(std::u32string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t begin = i;
    bool in_order = true;
    for (std::uint8_t last = 0, order = 0; i < text.size(); ++i, last = order) {
      order = combining_class(text[i]);
      if (order == 0) break;
      in_order = in_order && last <= order;
    }
    if (!in_order) sort_run(std::span(text).subspan(begin, i - begin));
  }
}

/// Three Tibetan vowels are two marks each without being one, and no normal form keeps them.
std::u32string split_vowels(std::u32string text) {
  const auto second = [](char32_t c) -> char32_t {
    return c == 0x0F73 ? 0x0F72 : c == 0x0F75 ? 0x0F74 : c == 0x0F81 ? 0x0F80 : 0;
  };
  if (std::none_of(text.begin(), text.end(), [&](char32_t c) { return second(c) != 0; }))
    return text;
  std::u32string out;
  for (const char32_t c : text) {
    const char32_t behind = second(c);
    out.push_back(behind ? U'\u0F71' : c);
    if (behind) out.push_back(behind);
  }
  return out;
}

/// The length a sequence announces by its first byte; 0 for a byte that cannot be first.
int announced_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  if (first >= 0xF0 && first <= 0xF4) return 4;
  return 0;
}

/// Decodes the sequence at `at`, or returns -1 (RFC 3629).
int decode_one(std::string_view text, std::size_t at, char32_t& point) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const int length = announced_length(byte(at));
  if (length == 0 || at + static_cast<std::size_t>(length) > text.size()) return -1;
  if (length == 1) {
    point = byte(at);
    return 1;
  }
  point = byte(at) & (0x7Fu >> length);
  for (int i = 1; i < length; ++i) {
    const unsigned char next = byte(at + static_cast<std::size_t>(i));
    if ((next & 0xC0) != 0x80) return -1;
    point = (point << 6) | (next & 0x3Fu);
  }
  constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool valid =
      point >= smallest[length] && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
  return valid ? length : -1;
}

/// Decodes up to the first malformed sequence and returns where that is.
std::size_t decode_valid(std::string_view text, std::u32string& out) {
  out.reserve(text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    char32_t point = 0;
    const int length = decode_one(text, at, point);
    if (length < 0) break;
    out.push_back(point);
    at += static_cast<std::size_t>(length);
  }
  return at;
}

}  // namespace

std::u32string decode_utf8(std::string_view text, std::string_view origin) {
  std::u32string out;
  const std::size_t good = decode_valid(text, out);
  if (good < text.size())
    throw Error(fmt::format("{}: invalid UTF-8 at byte {}", origin, good),
                "save or send the text as UTF-8");
  return out;
}

std::optional<std::u32string> try_decode_utf8(std::string_view text) {
  std::u32string out;
  if (decode_valid(text, out) < text.size()) return std::nullopt;
  return out;
}

void append_utf8(std::string& out, char32_t point) {
  if ((point >= 0xD800 && point <= 0xDFFF) || point > 0x10FFFF) point = 0xFFFD;
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  const auto tail = [&](int shift) { put(0x80 | ((point >> shift) & 0x3F)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | (point >> 6)), tail(0);
  } else if (point < 0x10000) {
    put(0xE0 | (point >> 12)), tail(6), tail(0);
  } else {
    put(0xF0 | (point >> 18)), tail(12), tail(6), tail(0);
  }
}

std::size_t utf8_length(char32_t point) {
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x10000 || point > 0x10FFFF ? 3 : 4;
}

std::string encode_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t point : text) append_utf8(out, point);
  return out;
}

std::string replace_invalid_utf8(std::string_view bytes) {
  const auto text = icu::UnicodeString::fromUTF8(
      icu::StringPiece(bytes.data(), static_cast<int32_t>(bytes.size())));
  std::string out;
  text.toUTF8String(out);
  return out;
}

std::u32string lower_case(std::u32string text) {
  if (!is_ascii(text)) return from_icu(to_icu(text).toLower(icu::Locale::getRoot()));
  for (char32_t& c : text)
    if (c >= U'A' && c <= U'Z') c += 32;
  return text;
}

std::u32string upper_case(std::u32string_view text) {
  return from_icu(to_icu(text).toUpper(icu::Locale::getRoot()));
}

std::u32string compose(std::u32string text) {
  if (is_ascii(text)) return text;
  text = split_vowels(std::move(text));
  sort_marks(text);
  UErrorCode status = U_ZERO_ERROR;
  const auto source = to_icu(text);
  if (form_c().isNormalized(source, status) && U_SUCCESS(status)) return text;
  status = U_ZERO_ERROR;
  return from_icu(form_c().normalize(source, status));
}

std::u32string compatibility_form(char32_t point) {
  UErrorCode status = U_ZERO_ERROR;
  const auto* normalizer = icu::Normalizer2::getNFKCInstance(status);
  if (U_FAILURE(status)) throw Error("ICU's normalisation data cannot be read", "install libicu72");
  return from_icu(normalizer->normalize(icu::UnicodeString(static_cast<UChar32>(point)), status));
}

bool is_white_space(char32_t point) {
  if (point < 0x80) return point == U' ' || (point >= 9 && point <= 13);
  return u_isUWhiteSpace(static_cast<UChar32>(point));
}

CharacterKind kind_of(char32_t point) {
  if (point < 0x80) return ascii_kind(point);
  if (is_white_space(point)) return CharacterKind::space;
  const auto mask = U_GET_GC_MASK(static_cast<UChar32>(point));
  if (mask & U_GC_L_MASK) return CharacterKind::letter;
  if (mask & U_GC_N_MASK) return CharacterKind::number;
  return CharacterKind::other;
}

bool is_invisible(char32_t point) {
  return (U_GET_GC_MASK(static_cast<UChar32>(point)) & U_GC_C_MASK) != 0;
}

std::u32string collapse_white_space(std::u32string text) {
  std::size_t kept = 0;
  bool pending = false;
  for (const char32_t c : text) {
    if (is_white_space(c)) {
      pending = kept > 0;
      continue;
    }
    if (pending) text[kept++] = U' ';
    pending = false;
    text[kept++] = c;
  }
  text.resize(kept);
  return text;
}

}  // namespace sumi
