#include "media/colour.h"

#include <fmt/format.h>

#include "core/error.h"

namespace sumi {
namespace {

/// a * b / 255 rounded, as Pillow does it without dividing.
std::uint8_t scaled(unsigned a, unsigned b) {
  const unsigned product = a * b + 128;
  return static_cast<std::uint8_t>((product + (product >> 8)) >> 8);
}

std::uint8_t luma(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >>
                                   16);
}

/// A picture of the same size; `convert(from, to)` fills one pixel.
template <class Convert>
Image converted(const Image& image, int channels, const Convert& convert) {
  const std::size_t count = std::size_t(image.width) * image.height;
  Image out{image.width, image.height, channels, std::vector<std::uint8_t>(count * channels)};
  for (std::size_t i = 0; i < count; ++i)
    convert(image.pixels.data() + i * image.channels, out.pixels.data() + i * channels);
  return out;
}

}  // namespace

Image to_gray(const Image& image) {
  if (image.channels == 1) return image;
  return converted(image, 1, [](const std::uint8_t* from, std::uint8_t* to) { *to = luma(from); });
}

Image to_rgb(const Image& image) {
  if (image.channels == 3) return image;
  const int step = image.channels == 1 ? 0 : 1;
  return converted(image, 3, [=](const std::uint8_t* from, std::uint8_t* to) {
    for (int c = 0; c < 3; ++c) to[c] = from[c * step];
  });
}

Image to_rgba(const Image& image) {
  if (image.channels == 4) return image;
  const int step = image.channels == 1 ? 0 : 1;
  return converted(image, 4, [=](const std::uint8_t* from, std::uint8_t* to) {
    for (int c = 0; c < 3; ++c) to[c] = from[c * step];
    to[3] = 255;
  });
}

Image flatten(const Image& image, std::array<std::uint8_t, 3> colour) {
  if (image.channels != 4) return to_rgb(image);
  return converted(image, 3, [&](const std::uint8_t* from, std::uint8_t* to) {
    const unsigned alpha = from[3];
    for (int c = 0; c < 3; ++c) {
      const unsigned blend = from[c] * alpha + colour[c] * (255 - alpha) + 128;
      to[c] = static_cast<std::uint8_t>((blend + (blend >> 8)) >> 8);
    }
  });
}

Image with_alpha(const Image& image, const Image& mask) {
  if (mask.channels != 1 || mask.width != image.width || mask.height != image.height)
    throw Error(fmt::format("a {}x{} mask with {} channels for a {}x{} picture", mask.width,
                            mask.height, mask.channels, image.width, image.height),
                "give a gray mask of the picture's size");
  Image out = to_rgba(image);
  for (std::size_t i = 0; i < mask.pixels.size(); ++i) out.pixels[i * 4 + 3] = mask.pixels[i];
  return out;
}

Image premultiply(Image image) {
  if (image.channels != 4) return image;
  for (std::size_t i = 0; i < image.pixels.size(); i += 4)
    for (std::size_t c = 0; c < 3; ++c)
      image.pixels[i + c] = scaled(image.pixels[i + c], image.pixels[i + 3]);
  return image;
}

Image unpremultiply(Image image) {
  if (image.channels != 4) return image;
  for (std::size_t i = 0; i < image.pixels.size(); i += 4) {
    const unsigned alpha = image.pixels[i + 3];
    if (alpha == 0 || alpha == 255) continue;
    for (std::size_t c = 0; c < 3; ++c)
      image.pixels[i + c] =
          static_cast<std::uint8_t>(std::min(255u, 255u * image.pixels[i + c] / alpha));
  }
  return image;
}

}  // namespace sumi
