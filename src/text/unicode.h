#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sumi {

/// Code points of UTF-8 text. Overlong forms, surrogates and truncated sequences throw an Error
/// that names `origin` ("prompt", a file name) and the offset in bytes.
std::u32string decode_utf8(std::string_view text, std::string_view origin);

/// The same, with nothing instead of an Error.
std::optional<std::u32string> try_decode_utf8(std::string_view text);

/// The reverse; lone surrogates become U+FFFD.
std::string encode_utf8(std::u32string_view text);

/// Appends one code point as UTF-8.
void append_utf8(std::string& out, char32_t point);

/// The bytes that append_utf8 writes for a code point: 1 to 4.
std::size_t utf8_length(char32_t point);

/// Bytes to UTF-8 text in which each malformed piece is U+FFFD.
std::string replace_invalid_utf8(std::string_view bytes);

/// Full case mapping of the root locale (final sigma and dotted I included).
std::u32string lower_case(std::u32string text);
std::u32string upper_case(std::u32string_view text);

/// Normalisation form C.
std::u32string compose(std::u32string text);

/// Normalisation form KC of one character: full and half width forms at normal width.
std::u32string compatibility_form(char32_t point);

/// Unicode's White_Space property.
bool is_white_space(char32_t point);

/// What CLIP's word pattern tells apart: \s, \p{L}, \p{N} and all the rest.
enum class CharacterKind { space, letter, number, other };
CharacterKind kind_of(char32_t point);

/// General category C*: controls, formats, private use, unassigned.
bool is_invisible(char32_t point);

/// Each run of white space as one space, none at the ends.
std::u32string collapse_white_space(std::u32string text);

}  // namespace sumi
