#include "media/blur.h"

#include <algorithm>
#include <cmath>

namespace sumi {
namespace {

std::uint8_t rounded(double value) {
  return static_cast<std::uint8_t>(std::clamp(value + 0.5, 0.0, 255.0));
}

/// Channels as floats, row-major as in the picture.
struct Plane {
  int width, height, channels;
  std::vector<double> values;

  double at(int x, int y, int c) const {
    const auto column = static_cast<std::size_t>(std::clamp(x, 0, width - 1));
    const auto row = static_cast<std::size_t>(std::clamp(y, 0, height - 1));
    return values[(row * static_cast<std::size_t>(width) + column) *
                      static_cast<std::size_t>(channels) +
                  static_cast<std::size_t>(c)];
  }
};

Plane plane_of(const Image& image) {
  return {image.width, image.height, image.channels, {image.pixels.begin(), image.pixels.end()}};
}

Image image_of(const Plane& plane) {
  Image image{plane.width, plane.height, plane.channels, {}};
  image.pixels.reserve(plane.values.size());
  for (const double value : plane.values) image.pixels.push_back(rounded(value));
  return image;
}

/// A plane whose values are `value(x, y, channel)`.
template <class Value>
Plane filled(const Plane& like, const Value& value) {
  Plane made{like.width, like.height, like.channels, {}};
  made.values.reserve(like.values.size());
  for (int y = 0; y < like.height; ++y)
    for (int x = 0; x < like.width; ++x)
      for (int c = 0; c < like.channels; ++c) made.values.push_back(value(x, y, c));
  return made;
}

std::vector<double> normal_weights(double sigma) {
  const int reach = std::max(1, static_cast<int>(std::ceil(4 * sigma)));
  std::vector<double> weights;
  double sum = 0;
  for (int i = -reach; i <= reach; ++i) {
    weights.push_back(std::exp(-0.5 * i * i / (sigma * sigma)));
    sum += weights.back();
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

/// Between the four pixels around a place.
double bilinear(const Plane& plane, double x, double y, int c) {
  const double left = std::floor(x), top = std::floor(y);
  const double across = x - left, down = y - top;
  const int column = static_cast<int>(left), row = static_cast<int>(top);
  const double upper =
      (1 - across) * plane.at(column, row, c) + across * plane.at(column + 1, row, c);
  const double lower =
      (1 - across) * plane.at(column, row + 1, c) + across * plane.at(column + 1, row + 1, c);
  return (1 - down) * upper + down * lower;
}

}  // namespace

Image gaussian_blur(const Image& image, double sigma_px) {
  if (!(sigma_px > 0)) return image;
  const auto weights = normal_weights(sigma_px);
  const int reach = static_cast<int>(weights.size() / 2);
  const auto along = [&](const Plane& plane, int step_x, int step_y) {
    return filled(plane, [&](int x, int y, int c) {
      double sum = 0;
      for (int i = -reach; i <= reach; ++i)
        sum += weights[static_cast<std::size_t>(i + reach)] *
               plane.at(x + i * step_x, y + i * step_y, c);
      return sum;
    });
  };
  return image_of(along(along(plane_of(image), 1, 0), 0, 1));
}

Image motion_blur(const Image& image, double length_px, double angle) {
  const int samples = std::max(1, static_cast<int>(std::lround(length_px)));
  if (samples == 1) return image;
  const Plane plane = plane_of(image);
  const double step = length_px / samples;
  const double step_x = step * std::cos(angle), step_y = step * std::sin(angle);
  return image_of(filled(plane, [&](int x, int y, int c) {
    double sum = 0;
    for (int i = 0; i < samples; ++i) {
      const double along = i - 0.5 * (samples - 1);
      sum += bilinear(plane, x + along * step_x, y + along * step_y, c);
    }
    return sum / samples;
  }));
}

}  // namespace sumi
