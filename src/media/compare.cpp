#include "media/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "core/error.h"

namespace sumi {
namespace {

void check_same_shape(const Image& a, const Image& b) {
  if (a.width == b.width && a.height == b.height && a.channels == b.channels && !a.pixels.empty())
    return;
  throw Error(fmt::format("cannot compare {}x{}x{} with {}x{}x{}", a.width, a.height, a.channels,
                          b.width, b.height, b.channels),
              "give two pictures of one size and kind");
}

constexpr int window = 11;
using Window = std::array<double, window>;

Window gaussian_window() {
  Window weights{};
  double sum = 0;
  for (int i = 0; i < window; ++i) {
    const double distance = i - window / 2;
    sum += weights[i] = std::exp(-distance * distance / (2 * 1.5 * 1.5));
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

/// A plane of doubles, [height, width].
struct Plane {
  int width, height;
  std::vector<double> values;
  double& at(int x, int y) { return values[std::size_t(y) * width + x]; }
  double at(int x, int y) const { return values[std::size_t(y) * width + x]; }
};

Plane make_plane(int width, int height) {
  return {width, height, std::vector<double>(std::size_t(width) * height)};
}

/// Separable Gaussian means over whole windows: [height - 10, width - 10].
Plane smoothed(const Plane& plane) {
  static const Window weights = gaussian_window();
  Plane across = make_plane(plane.width - window + 1, plane.height);
  for (int y = 0; y < across.height; ++y)
    for (int x = 0; x < across.width; ++x)
      for (int i = 0; i < window; ++i) across.at(x, y) += weights[i] * plane.at(x + i, y);
  Plane out = make_plane(across.width, plane.height - window + 1);
  for (int y = 0; y < out.height; ++y)
    for (int i = 0; i < window; ++i)
      for (int x = 0; x < out.width; ++x) out.at(x, y) += weights[i] * across.at(x, y + i);
  return out;
}

Plane channel_of(const Image& image, int channel) {
  Plane plane = make_plane(image.width, image.height);
  for (std::size_t i = 0; i < plane.values.size(); ++i)
    plane.values[i] = image.pixels[i * image.channels + channel];
  return plane;
}

Plane product(const Plane& a, const Plane& b) {
  Plane out = a;
  for (std::size_t i = 0; i < out.values.size(); ++i) out.values[i] *= b.values[i];
  return out;
}

double channel_ssim(const Plane& a, const Plane& b) {
  constexpr double c1 = 0.01 * 255 * 0.01 * 255, c2 = 0.03 * 255 * 0.03 * 255;
  const Plane mean_a = smoothed(a), mean_b = smoothed(b);
  const Plane square_a = smoothed(product(a, a)), square_b = smoothed(product(b, b));
  const Plane cross = smoothed(product(a, b));
  double sum = 0;
  for (std::size_t i = 0; i < mean_a.values.size(); ++i) {
    const double ma = mean_a.values[i], mb = mean_b.values[i];
    const double variances = square_a.values[i] - ma * ma + square_b.values[i] - mb * mb;
    const double covariance = cross.values[i] - ma * mb;
    sum +=
        (2 * ma * mb + c1) * (2 * covariance + c2) / ((ma * ma + mb * mb + c1) * (variances + c2));
  }
  return sum / static_cast<double>(mean_a.values.size());
}

}  // namespace

double mean_squared_error(const Image& a, const Image& b) {
  check_same_shape(a, b);
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) {
    const int difference = a.pixels[i] - b.pixels[i];
    sum += difference * difference;
  }
  return sum / static_cast<double>(a.pixels.size());
}

double psnr_db(const Image& a, const Image& b) {
  const double error = mean_squared_error(a, b);
  return error == 0 ? std::numeric_limits<double>::infinity()
                    : 10 * std::log10(255.0 * 255.0 / error);
}

double ssim(const Image& a, const Image& b) {
  check_same_shape(a, b);
  if (a.width < window || a.height < window)
    throw Error(fmt::format("{}x{} pixels are too few for SSIM", a.width, a.height),
                "give pictures of at least 11x11");
  double sum = 0;
  for (int c = 0; c < a.channels; ++c) sum += channel_ssim(channel_of(a, c), channel_of(b, c));
  return sum / a.channels;
}

int max_difference(const Image& a, const Image& b) {
  check_same_shape(a, b);
  int most = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    most = std::max(most, std::abs(a.pixels[i] - b.pixels[i]));
  return most;
}

}  // namespace sumi
