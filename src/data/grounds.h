#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "data/pattern.h"
#include "data/random.h"

namespace sumi {

/// A ground colour people name.
struct GroundColour {
  const char* name;
  Rgb rgb;
  double weight;  ///< how often it is drawn; white seldom
};
std::span<const GroundColour> ground_colours();

/// One of them, by their weights.
const GroundColour& any_ground(Random& random);

/// One on which all of these mean colours stand out, if a few tries find one.
const GroundColour& ground_against(Random& random, std::span<const Rgb> colours);

/// Euclidean distance in 8-bit steps.
double colour_distance(const Rgb& a, const Rgb& b);

/// A slightly different shade that still has the same name.
Rgb with_jitter(Random& random, Rgb colour);

/// "on a blue background" in one of the ways people say it.
std::string ground_words(Random& random, const std::string& colour);

}  // namespace sumi
