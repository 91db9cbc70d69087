#pragma once

#include <array>
#include <span>
#include <string_view>

#include "media/image.h"

namespace sumi {

/// A colour as hue in degrees (0 to below 360), saturation and value, both 0 to 1.
struct Hsv {
  double hue = 0, saturation = 0, value = 0;
};
Hsv to_hsv(std::array<std::uint8_t, 3> rgb);
std::array<std::uint8_t, 3> to_rgb(Hsv colour);

/// A hue people name.
struct NamedHue {
  const char* name;
  double degrees;
};
std::span<const NamedHue> named_hues();

/// What people call a colour: the nearest named hue, or black, gray, white and brown.
std::string_view colour_word(std::array<std::uint8_t, 3> rgb);

/// The hue's word that names most of a picture's colour, and the share of pixels that it names.
/// Pixels without colour are not counted; an empty word where there are none.
struct DominantColour {
  std::string_view word;
  double share = 0;
};
DominantColour dominant_colour(const Image& picture);

/// The picture with the hue of its pixels set, their saturation and value kept, so that gray stays
/// gray. `only`: just pixels of that colour word; empty: all. `mask` (gray, of the same size, may
/// be null): how much of the change each pixel takes.
Image recoloured(const Image& picture, double hue, std::string_view only = {},
                 const Image* mask = nullptr);

}  // namespace sumi
