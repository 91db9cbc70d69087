#pragma once

#include <array>

#include "media/image.h"

namespace sumi {

// Each value of an RGB or gray picture becomes a linear function of the picture's own values,
// rounded and clamped to 0 to 255.

/// factor * value.
Image with_light(const Image& image, double factor);

/// middle + factor * (value - middle), about the mean luma of the picture.
Image with_contrast(const Image& image, double factor);

/// luma + factor * (value - luma) of each pixel; 0 is black and white. Gray pictures stay as they
/// are.
Image with_saturation(const Image& image, double factor);

/// value + share * (colour - value): towards one colour, as paper yellows.
Image with_tint(const Image& image, std::array<std::uint8_t, 3> colour, double share);

}  // namespace sumi
