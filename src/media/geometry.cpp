#include "media/geometry.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "media/colour.h"

namespace sumi {
namespace {

const std::uint8_t* pixel(const Image& image, int x, int y) {
  return image.pixels.data() + (std::size_t(y) * image.width + x) * image.channels;
}

/// A picture of the given size whose pixel (x, y) is `source(x, y)`.
template <class Source>
Image gathered(int width, int height, int channels, const Source& source) {
  Image out{width, height, channels,
            std::vector<std::uint8_t>(std::size_t(width) * height * channels)};
  std::uint8_t* to = out.pixels.data();
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) to = std::copy_n(source(x, y), channels, to);
  return out;
}

std::vector<std::uint8_t> as_channels(std::array<std::uint8_t, 4> colour, int channels) {
  if (channels == 1) return to_gray(filled_image(1, 1, std::span(colour).first(3))).pixels;
  return {colour.begin(), colour.begin() + channels};
}

}  // namespace

Image crop(const Image& image, int left, int top, int width, int height) {
  const bool inside = left >= 0 && top >= 0 && width > 0 && height > 0 &&
                      width <= image.width - left && height <= image.height - top;
  if (!inside)
    throw Error(fmt::format("{}x{} pixels at ({}, {}) lie outside a picture of {}x{}", width,
                            height, left, top, image.width, image.height),
                "choose a rectangle inside the picture");
  Image out{width, height, image.channels, {}};
  out.pixels.reserve(std::size_t(width) * height * image.channels);
  for (int y = top; y < top + height; ++y) {
    const std::uint8_t* row = pixel(image, left, y);
    out.pixels.insert(out.pixels.end(), row, row + std::size_t(width) * image.channels);
  }
  return out;
}

Image pad(const Image& image, int left, int top, int right, int bottom,
          std::array<std::uint8_t, 4> colour) {
  if (left < 0 || top < 0 || right < 0 || bottom < 0)
    throw Error(fmt::format("borders of {}, {}, {}, {} pixels", left, top, right, bottom),
                "give widths of 0 or more");
  Image out = filled_image(left + image.width + right, top + image.height + bottom,
                           as_channels(colour, image.channels));
  paste(out, image, left, top);
  return out;
}

void paste(Image& onto, const Image& from, int left, int top) {
  if (onto.channels != from.channels)
    throw Error(
        fmt::format("a picture of {} channels onto one of {}", from.channels, onto.channels),
        "convert one of them first");
  const int first_x = std::max(0, -left), last_x = std::min(from.width, onto.width - left);
  const int first_y = std::max(0, -top), last_y = std::min(from.height, onto.height - top);
  if (first_x >= last_x) return;
  for (int y = first_y; y < last_y; ++y) {
    const std::size_t to = (std::size_t(top + y) * onto.width + left + first_x) * onto.channels;
    std::copy_n(pixel(from, first_x, y), std::size_t(last_x - first_x) * from.channels,
                onto.pixels.data() + to);
  }
}

Image flip_horizontal(const Image& image) {
  return gathered(image.width, image.height, image.channels,
                  [&](int x, int y) { return pixel(image, image.width - 1 - x, y); });
}

Image flip_vertical(const Image& image) {
  return gathered(image.width, image.height, image.channels,
                  [&](int x, int y) { return pixel(image, x, image.height - 1 - y); });
}

Image transpose(const Image& image) {
  return gathered(image.height, image.width, image.channels,
                  [&](int x, int y) { return pixel(image, y, x); });
}

Image oriented(Image image, int orientation) {
  switch (orientation) {
    case 2:
      return flip_horizontal(image);
    case 3:
      return flip_vertical(flip_horizontal(image));
    case 4:
      return flip_vertical(image);
    case 5:
      return transpose(image);
    case 6:
      return flip_horizontal(transpose(image));
    case 7:
      return flip_vertical(flip_horizontal(transpose(image)));
    case 8:
      return flip_vertical(transpose(image));
    default:
      return image;
  }
}

}  // namespace sumi
