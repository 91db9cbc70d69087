#pragma once

#include <array>
#include <cstdint>

#include "media/image.h"

namespace sumi {

/// What can be told from a picture's pixels alone.
struct PictureMeasures {
  std::uint64_t hash = 0;                   ///< perceptual_hash()
  std::array<std::uint8_t, 192> colours{};  ///< 8x8 RGB
  double sharpness = 0;                     ///< variance of the Laplacian, in squared 8-bit levels
  double noise = 0;       ///< standard deviation in 8-bit levels (Immerkaer 1996), quiet quarter
  double blockiness = 0;  ///< steps at one phase of an 8 px grid over those elsewhere, minus 1
  double contrast = 0;    ///< standard deviation of the luma, in 8-bit levels
  double plain = 0;       ///< share of pixels within 2 levels of the most frequent luma
  double border = 0;      ///< share of the area that is a frame or bars of one colour
  double watermark = 0;   ///< 0 to 1: fine strokes in a corner whose surroundings are calm
};

/// Measures a decoded picture; alpha is laid over white. Blockiness is measured only when the
/// pixels are as stored (`denominator` 1), since a reduced picture has lost its grid.
PictureMeasures measure_picture(const Image& image, int denominator = 1);

/// Mean absolute difference of the 8x8 colours, 0 to 255.
double colour_difference(const PictureMeasures& a, const PictureMeasures& b);

}  // namespace sumi
