#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sumi {

/// Words of a caption in lower case: runs of letters and digits, inner apostrophes and hyphens
/// kept. Han, Kana and Thai, which write no spaces, give one word a character.
std::vector<std::string> caption_words(std::string_view caption);

/// ISO 639-1 code of a caption's likely language, by its script and, in Latin script, by the little
/// words it uses: en, de, fr, es, it, pt, nl, ru, uk, el, he, ar, hi, th, ja, ko or zh; "und" where
/// nothing tells, as in "red car".
std::string guess_language(std::string_view caption);

}  // namespace sumi
