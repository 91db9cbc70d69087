#pragma once

#include <cstdint>

#include "media/image.h"

namespace sumi {

// Noise of cameras and wires; the same seed gives the same noise. RGB or gray.

/// Normal noise of `deviation` levels (of 255) on every value.
Image gaussian_noise(const Image& image, double deviation, std::uint64_t seed);

/// A share of the pixels, 0 to 1, becomes black or white, each as often.
Image salt_and_pepper(const Image& image, double share, std::uint64_t seed);

/// Counted light: a value is the number of photons (Poisson) of which `photons` would make it 255.
/// Its variance is value * 255 / photons.
Image shot_noise(const Image& image, double photons, std::uint64_t seed);

}  // namespace sumi
