#pragma once

#include "media/image.h"

namespace sumi {

/// A picture decoded only as large as a measurement needs it.
struct ReducedImage {
  Image image;           ///< upright and in sRGB, as decode_image() gives it
  int width = 0;         ///< of the whole picture, upright
  int height = 0;        ///< of the whole picture, upright
  int denominator = 1;   ///< 1, 2, 4 or 8: the pixels are that many times fewer on each side
  int jpeg_quality = 0;  ///< 1 to 100 on libjpeg's scale, from the quantisation; 0: no JPEG
};

/// decode_image() that makes use of formats with a cheaper small version: a JPEG is decoded at the
/// smallest scale at which its shorter side keeps `least_side_px` pixels. Throws Error as
/// decode_image() does.
ReducedImage decode_reduced(std::span<const std::byte> bytes, const std::string& origin,
                            int least_side_px, const DecodeLimits& limits = {});

}  // namespace sumi
