#include "data/picture_noise.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "data/random.h"

namespace sumi {
namespace {

constexpr std::uint64_t kNormal = 0x6a55, kPepper = 0x9e99, kShot = 0x5407;

std::uint8_t rounded(double value) {
  return static_cast<std::uint8_t>(std::clamp(value + 0.5, 0.0, 255.0));
}

/// Box and Muller's transform.
double normal(Random& random) {
  const double radius = std::sqrt(-2 * std::log(1 - random.real()));
  return radius * std::cos(2 * std::numbers::pi * random.real());
}

/// Poisson: products of uniforms (Knuth) while they are few, a normal number with the same mean and
/// variance from then on.
double counted(Random& random, double mean) {
  constexpr double kFew = 40;
  if (mean > kFew) return std::max(0.0, std::round(mean + std::sqrt(mean) * normal(random)));
  const double end = std::exp(-mean);
  int count = 0;
  for (double product = random.real(); product > end; product *= random.real()) ++count;
  return count;
}

}  // namespace

Image gaussian_noise(const Image& image, double deviation, std::uint64_t seed) {
  Random random(seed, kNormal, 0);
  Image noisy = image;
  for (auto& value : noisy.pixels) value = rounded(value + deviation * normal(random));
  return noisy;
}

Image salt_and_pepper(const Image& image, double share, std::uint64_t seed) {
  Random random(seed, kPepper, 0);
  Image noisy = image;
  const auto channels = static_cast<std::size_t>(image.channels);
  for (std::size_t pixel = 0; pixel < noisy.pixels.size(); pixel += channels) {
    const double u = random.real();
    if (u >= share) continue;
    const std::uint8_t value = u < share / 2 ? 0 : 255;
    std::fill_n(noisy.pixels.begin() + static_cast<std::ptrdiff_t>(pixel), channels, value);
  }
  return noisy;
}

Image shot_noise(const Image& image, double photons, std::uint64_t seed) {
  Random random(seed, kShot, 0);
  Image noisy = image;
  for (auto& value : noisy.pixels)
    value = rounded(counted(random, value / 255.0 * photons) * 255 / photons);
  return noisy;
}

}  // namespace sumi
