#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "data/random.h"

namespace sumi {

using Rgb = std::array<std::uint8_t, 3>;

/// Ways of filling a plane with two colours.
enum class PatternKind {
  vertical_stripes,
  horizontal_stripes,
  diagonal_stripes,
  checks,
  diamonds,
  dots,
  grid,
  zigzag,
  waves,
  plaid,
  gradient,
};

/// A pattern over the unit square: pure geometry, the same at every size.
struct Pattern {
  PatternKind kind = PatternKind::checks;
  Rgb first{}, second{};            ///< ground, figure
  double period = 0.2;              ///< of one repeat, as a share of the picture's side
  double phase_x = 0, phase_y = 0;  ///< in periods
  double angle = 0;                 ///< of a gradient, in radians

  /// Share of the second colour at (x, y); edges are softened over `pixel`, one pixel's side.
  double share_at(double x, double y, double pixel) const;
};

/// "blue and white striped": how the pattern is said before a noun such as "background".
std::string pattern_words(const Pattern& pattern, std::string_view first, std::string_view second);

/// A pattern of a kind, with a period and place drawn at random.
Pattern drawn_pattern(Random& random, PatternKind kind, const Rgb& first, const Rgb& second);

/// One of all kinds.
PatternKind any_pattern(Random& random);

/// Fills RGB floats (0 to 255) of a square picture.
void paint_pattern(const Pattern& pattern, std::span<float> canvas, int size_px);

}  // namespace sumi
