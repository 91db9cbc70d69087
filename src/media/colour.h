#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "media/image.h"

namespace sumi {

/// Channel conversions. Gray is ITU-R 601 luma in Pillow's integers; alpha is added as 255 and
/// dropped without blending (flatten() blends).
Image to_gray(const Image& image);
Image to_rgb(const Image& image);
Image to_rgba(const Image& image);

/// Lays a picture with alpha over a colour; RGB. Pictures without alpha become RGB.
Image flatten(const Image& image, std::array<std::uint8_t, 3> colour);

/// The picture with its alpha taken from `mask` (gray, same size).
Image with_alpha(const Image& image, const Image& mask);

/// Colours multiplied by alpha and back, in 8 bits; identity for pictures without alpha.
Image premultiply(Image image);
Image unpremultiply(Image image);

/// Converts to sRGB from the colour space an ICC profile describes (relative colorimetric, black
/// point compensation). Returns the picture unchanged when the profile is unreadable, is for
/// another number of channels or already stands for sRGB within one level.
Image icc_to_srgb(Image image, std::span<const std::byte> profile);

/// RGB from interleaved CMYK, where 255 is full ink; through `profile` if it is a readable CMYK
/// one.
Image cmyk_to_rgb(int width, int height, std::span<const std::uint8_t> cmyk,
                  std::span<const std::byte> profile);

}  // namespace sumi
