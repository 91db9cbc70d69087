#pragma once

#include <array>

#include "media/image.h"

namespace sumi {

/// The rectangle of width x height pixels whose top left corner is (left, top). Throws Error unless
/// it lies inside the picture.
Image crop(const Image& image, int left, int top, int width, int height);

/// Adds borders of one colour, given as RGBA; gray pictures take its luma.
Image pad(const Image& image, int left, int top, int right, int bottom,
          std::array<std::uint8_t, 4> colour);

/// Copies `from` into `onto` with its top left corner at (left, top), cut at the edges; alpha is
/// copied, not blended. Both need the same number of channels.
void paste(Image& onto, const Image& from, int left, int top);

Image flip_horizontal(const Image& image);
Image flip_vertical(const Image& image);
Image transpose(const Image& image);

/// The upright picture for an EXIF orientation 1 to 8; any other value changes nothing.
Image oriented(Image image, int orientation);

}  // namespace sumi
