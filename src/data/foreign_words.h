#pragma once

#include <string_view>

namespace sumi {

/// True for frequent words of Italian, French, German and Spanish titles, which the clip art
/// library has many of; lower case. Words that English has too are not among them.
bool is_foreign_word(std::string_view word);

/// A word that a title writes together or wrong, as people write it: "lightbulb" -> "light bulb",
/// "stappler" -> "stapler"; any other as it is.
std::string_view repaired_word(std::string_view word);

}  // namespace sumi
