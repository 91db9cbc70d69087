#include "media/tone.h"

#include <algorithm>

#include "media/colour.h"

namespace sumi {
namespace {

/// The picture with each value made new by `change(value, pixel, channel)`.
template <class Change>
Image changed(Image image, const Change& change) {
  const auto channels = static_cast<std::size_t>(image.channels);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(
        std::clamp(change(static_cast<double>(image.pixels[i]), i / channels, i % channels) + 0.5,
                   0.0, 255.0));
  return image;
}

}  // namespace

Image with_light(const Image& image, double factor) {
  return changed(image, [=](double value, std::size_t, std::size_t) { return factor * value; });
}

Image with_contrast(const Image& image, double factor) {
  const Image gray = to_gray(image);
  double sum = 0;
  for (const auto value : gray.pixels) sum += value;
  const double middle = sum / static_cast<double>(std::max<std::size_t>(1, gray.pixels.size()));
  return changed(image, [=](double value, std::size_t, std::size_t) {
    return middle + factor * (value - middle);
  });
}

Image with_saturation(const Image& image, double factor) {
  if (image.channels == 1) return image;
  const Image gray = to_gray(image);
  return changed(image, [&](double value, std::size_t pixel, std::size_t) {
    const double luma = gray.pixels[pixel];
    return luma + factor * (value - luma);
  });
}

Image with_tint(const Image& image, std::array<std::uint8_t, 3> colour, double share) {
  return changed(image, [&](double value, std::size_t, std::size_t channel) {
    return value + share * (colour[channel] - value);
  });
}

}  // namespace sumi
