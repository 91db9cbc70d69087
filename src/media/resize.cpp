#include "media/resize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "media/colour.h"
#include "media/geometry.h"

namespace sumi {
namespace {

/// Weights are whole numbers of 1 / 2^22: eight bits of value, two of headroom, as Pillow chose
/// them.
constexpr int precision_bits = 32 - 8 - 2;

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

/// The filter's value at distance x, in output pixels when shrinking.
double weight(Filter filter, double x) {
  const double distance = std::abs(x);
  switch (filter) {
    case Filter::box:
      return x > -0.5 && x <= 0.5 ? 1 : 0;
    case Filter::bilinear:
      return distance < 1 ? 1 - distance : 0;
    case Filter::hamming:
      return distance < 1 ? sinc(distance) * (0.54 + 0.46 * std::cos(distance * std::numbers::pi))
                          : 0;
    case Filter::bicubic: {  // Keys 1981 with a = -1/2
      constexpr double a = -0.5;
      if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
      if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * a;
      return 0;
    }
    case Filter::lanczos:
      return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
  }
  return 0;
}

double support(Filter filter) {
  constexpr double supports[] = {0.5, 1, 1, 2, 3};
  return supports[static_cast<int>(filter)];
}

/// What one output position reads: `count` inputs from `first`, weighted by the integers from
/// `weights`.
struct Window {
  int first = 0;
  int count = 0;
  std::size_t weights = 0;
};

struct Kernel {
  std::vector<Window> windows;  // one for each output position
  std::vector<std::int32_t> weights;
};

Kernel make_kernel(int from, int to, Filter filter) {
  const double scale = static_cast<double>(from) / to;
  const double stretch = std::max(scale, 1.0);
  const double reach = support(filter) * stretch;
  Kernel kernel;
  std::vector<double> exact;
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - reach + 0.5));
    const int last = std::min(from, static_cast<int>(centre + reach + 0.5));
    exact.clear();
    double sum = 0;
    for (int x = first; x < last; ++x) {
      exact.push_back(weight(filter, (x - centre + 0.5) * (1 / stretch)));
      sum += exact.back();
    }
    kernel.windows.push_back({first, last - first, kernel.weights.size()});
    for (const double value : exact) {
      const double normalised = (sum != 0 ? value / sum : value) * (1 << precision_bits);
      kernel.weights.push_back(
          static_cast<std::int32_t>(normalised + (normalised < 0 ? -0.5 : 0.5)));
    }
  }
  return kernel;
}

std::uint8_t to_level(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> precision_bits, 0, 255));
}

constexpr std::int32_t half = 1 << (precision_bits - 1);

template <int Channels>
void resize_row(const Kernel& kernel, const std::uint8_t* from, std::uint8_t* to) {
  for (const Window& window : kernel.windows) {
    const std::int32_t* weights = kernel.weights.data() + window.weights;
    const std::uint8_t* in = from + std::size_t(window.first) * Channels;
    std::int32_t sums[Channels];
    std::fill_n(sums, Channels, half);
    for (int i = 0; i < window.count; ++i)
      for (int c = 0; c < Channels; ++c) sums[c] += in[i * Channels + c] * weights[i];
    for (int c = 0; c < Channels; ++c) *to++ = to_level(sums[c]);
  }
}

Image resize_width(const Image& image, int width, Filter filter) {
  const Kernel kernel = make_kernel(image.width, width, filter);
  const auto row = image.channels == 1   ? resize_row<1>
                   : image.channels == 3 ? resize_row<3>
                                         : resize_row<4>;
  const std::size_t from = std::size_t(image.width) * image.channels;
  const std::size_t to = std::size_t(width) * image.channels;
  Image out{width, image.height, image.channels, std::vector<std::uint8_t>(to * image.height)};
  for (int y = 0; y < image.height; ++y)
    row(kernel, image.pixels.data() + y * from, out.pixels.data() + y * to);
  return out;
}

Image resize_height(const Image& image, int height, Filter filter) {
  const Kernel kernel = make_kernel(image.height, height, filter);
  const std::size_t stride = std::size_t(image.width) * image.channels;
  Image out{image.width, height, image.channels, std::vector<std::uint8_t>(stride * height)};
  std::vector<std::int32_t> sums(stride);
  for (int y = 0; y < height; ++y) {
    const Window& window = kernel.windows[y];
    std::fill(sums.begin(), sums.end(), half);
    for (int i = 0; i < window.count; ++i) {
      const std::int32_t factor = kernel.weights[window.weights + i];
      const std::uint8_t* in = image.pixels.data() + (window.first + i) * stride;
      for (std::size_t x = 0; x < stride; ++x) sums[x] += in[x] * factor;
    }
    std::transform(sums.begin(), sums.end(), out.pixels.data() + y * stride, to_level);
  }
  return out;
}

int scaled_side(int side, double factor) {
  return std::max(1, static_cast<int>(std::lround(side * factor)));
}

}  // namespace

Image resize_channels(const Image& image, int width, int height, Filter filter) {
  if (width <= 0 || height <= 0 || image.width <= 0 || image.height <= 0)
    throw Error(fmt::format("cannot resize {}x{} pixels to {}x{}", image.width, image.height, width,
                            height),
                "give sizes of at least 1");
  if (width == image.width && height == image.height) return image;
  if (width == image.width) return resize_height(image, height, filter);
  if (height == image.height) return resize_width(image, width, filter);
  return resize_height(resize_width(image, width, filter), height, filter);
}

Image resize(const Image& image, int width, int height, Filter filter) {
  if (image.channels != 4) return resize_channels(image, width, height, filter);
  if (width == image.width && height == image.height) return image;
  return unpremultiply(resize_channels(premultiply(image), width, height, filter));
}

Image resize_to_cover(const Image& image, int width, int height, Filter filter) {
  const double factor = std::max(static_cast<double>(width) / image.width,
                                 static_cast<double>(height) / image.height);
  const int wide = std::max(width, scaled_side(image.width, factor));
  const int high = std::max(height, scaled_side(image.height, factor));
  const Image scaled = resize(image, wide, high, filter);
  return crop(scaled, (wide - width) / 2, (high - height) / 2, width, height);
}

Image resize_to_fit(const Image& image, int width, int height, Filter filter) {
  const double factor = std::min(static_cast<double>(width) / image.width,
                                 static_cast<double>(height) / image.height);
  return resize(image, std::min(width, scaled_side(image.width, factor)),
                std::min(height, scaled_side(image.height, factor)), filter);
}

}  // namespace sumi
