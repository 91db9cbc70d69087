#pragma once

#include <string>
#include <string_view>

namespace sumi {

/// An icon's identifier made into the name of what it shows: "aircraft-hot-air-balloon-2" -> "hot
/// air balloon", "apple-one" -> "apple", "fruit-banana" -> "banana". Words that only sort icons
/// into chapters are dropped, as are counters at the end. Empty when nothing a person would type is
/// left: numbers, brands, "abstract-011".
std::string icon_name(std::string_view identifier);

/// True for chapters of signs, arrows and controls: they teach little that people ask for.
bool is_sign_chapter(std::string_view chapter);

/// True for chapters of trade marks, which are left out.
bool is_brand_chapter(std::string_view chapter);

}  // namespace sumi
