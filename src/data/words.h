#pragma once

#include <string>
#include <string_view>

namespace sumi {

/// The everyday name of an emoji label: "automobile" -> "car", "front-facing baby chick" ->
/// "chick"; labels without a plainer name come back in lower case with typographic quotes made
/// straight.
std::string plain_name(std::string_view label);

/// The word a name is about: what stands last before "of", "with", "in", "on", "for", "without" or
/// a comma, in lower case and in the singular. "cup of coffee" -> "cup", "Red Apples" -> "apple",
/// "fire truck" -> "truck". Empty only for an empty name.
std::string head_noun(std::string_view name);

/// True for names that take no "a": plurals ("grapes", "french fries") and stuff ("bread").
bool takes_no_article(std::string_view name);

/// "a cat", "an umbrella", "grapes".
std::string with_article(std::string_view name);

/// "a" or "an" for the word that follows.
std::string article_for(std::string_view following);

/// A clip art title made into a name: joined and numbered words parted ("red_car-02" -> "red car"),
/// the author's names and collection words dropped. Empty when nothing a person would type is left:
/// numbers, words of another language, code-like or over-long titles.
std::string repaired_title(std::string_view title, std::string_view author = "");

}  // namespace sumi
