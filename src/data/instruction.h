#pragma once

#include <array>
#include <string>
#include <string_view>

#include "data/random.h"

namespace sumi {

/// What an instruction asks to be done to a picture. Restorations come first.
enum class EditKind {
  sharpen,
  denoise,
  clean_jpeg,
  enlarge,
  restore_colours,
  brighten,
  recolour,
  to_gray,
  colourise,
  mirror,
  turn_over,
  background,
  leave
};
constexpr std::size_t kEditKinds = 13;

/// Whether the edit undoes a damage, so that what it should give is known exactly.
constexpr bool restores(EditKind kind) { return kind <= EditKind::brighten; }

/// One of several ways to ask for it. `colour`: the one to come, for recolour and background;
/// `from`: the one to go, or empty.
std::string instruction(EditKind kind, Random& random, std::string_view colour = {},
                        std::string_view from = {});

}  // namespace sumi
