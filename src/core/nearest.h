#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sumi {

/// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other
/// (optimal string alignment).
int edit_distance(std::string_view a, std::string_view b);

/// The known word closest to a mistyped one; empty when none is near (more than a third of its
/// letters wrong).
std::string nearest(std::string_view word, std::span<const std::string> known);

}  // namespace sumi
