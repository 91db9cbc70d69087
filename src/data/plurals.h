#pragma once

#include <string>
#include <string_view>

namespace sumi {

/// A name for several: "lemon" -> "lemons", "slice of cake" -> "slices of cake", "woman" ->
/// "women". Names that are plural already or name stuff stay as they are.
std::string plural_name(std::string_view name);

/// "two" to "twelve"; digits beyond.
std::string count_word(int count);

}  // namespace sumi
