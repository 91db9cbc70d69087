#include "data/framing.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cmath>

#include "data/random.h"
#include "media/geometry.h"
#include "media/resize.h"

namespace sumi {
namespace {

/// Raised when the same framing begins to give other pixels.
constexpr int kFramingVersion = 1;
constexpr std::uint64_t kSpace = 0x6672616d65;  // keeps these draws apart from those of scenes

int scaled(int side, double factor) {
  return static_cast<int>(std::lround(static_cast<double>(side) * factor));
}

}  // namespace

void check(const FramingConfig& config) {
  if (!(config.flips >= 0 && config.flips <= 1))
    throw Error(fmt::format("framing.flips: {} is not a share", config.flips),
                "write a number from 0 to 1");
  if (config.variants < 0 || config.variants > 1000)
    throw Error(fmt::format("framing.variants: {} is not in 0 to 1000", config.variants),
                "use 0 for crops and flips that are drawn anew each time");
}

Framing draw_framing(const FramingConfig& config, int width, int height, std::uint64_t seed,
                     std::string_view id, std::uint64_t variant) {
  if (config.variants > 0) variant %= static_cast<std::uint64_t>(config.variants);
  Random random(seed ^ kSpace, XXH64(id.data(), id.size(), 0), variant);
  Framing framing{width, height};
  const double x = random.real(), y = random.real();
  if (config.random_crop) framing.x = x, framing.y = y;
  framing.flipped = random.chance(config.flips);
  return framing;
}

Image framed(const Image& picture, const Framing& framing) {
  const auto [width, height, x, y, flipped] = framing;
  const double factor = std::max(static_cast<double>(width) / picture.width,
                                 static_cast<double>(height) / picture.height);
  const int wide = std::max(width, scaled(picture.width, factor));
  const int high = std::max(height, scaled(picture.height, factor));
  const auto start = [](int surplus, double share) {
    return static_cast<int>(std::floor(static_cast<double>(surplus) * share));
  };
  Image cut = crop(resize(picture, wide, high), start(wide - width, x), start(high - height, y),
                   width, height);
  return flipped ? flip_horizontal(cut) : cut;
}

Image opaque(Image picture) {
  if (picture.channels == 3) return picture;
  Image flat{picture.width, picture.height, 3, {}};
  const auto channels = static_cast<std::size_t>(picture.channels);
  flat.pixels.reserve(picture.pixels.size() / channels * 3);
  for (std::size_t i = 0; i < picture.pixels.size(); i += channels)
    for (std::size_t c = 0; c < 3; ++c) {
      const int value = picture.pixels[i + (channels == 4 ? c : 0)];
      const int alpha = channels == 4 ? picture.pixels[i + 3] : 255;
      flat.pixels.push_back(
          static_cast<std::uint8_t>((value * alpha + 255 * (255 - alpha) + 127) / 255));
    }
  return flat;
}

std::string describe(const Framing& framing) {
  return fmt::format("framing {} {}x{} {} {} {}", kFramingVersion, framing.width, framing.height,
                     framing.x, framing.y, framing.flipped);
}

}  // namespace sumi
