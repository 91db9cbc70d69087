#include "data/degradation.h"

#include <algorithm>
#include <numbers>

#include "data/picture_noise.h"
#include "media/blur.h"
#include "media/colour.h"
#include "media/resize.h"
#include "media/tone.h"

namespace sumi {
namespace {

double side_of(const Image& picture) { return std::max(picture.width, picture.height); }

}  // namespace

Image blurred(const Image& picture, Random& random) {
  const double side = side_of(picture);
  if (random.chance(0.6))
    return gaussian_blur(picture, std::max(0.6, side * random.between(0.01, 0.035)));
  return motion_blur(picture, std::max(2.0, side * random.between(0.04, 0.14)),
                     random.between(0, std::numbers::pi));
}

Image noisy(const Image& picture, Random& random) {
  const double kind = random.real();
  const std::uint64_t seed = random.bits();
  if (kind < 0.5) return gaussian_noise(picture, random.between(8, 50), seed);
  if (kind < 0.75) return salt_and_pepper(picture, random.between(0.01, 0.12), seed);
  return shot_noise(picture, random.between(10, 80), seed);
}

Image through_jpeg(const Image& picture, int quality, bool full_chroma) {
  SaveOptions options;
  options.format = ImageFormat::jpeg;
  options.quality = quality;
  options.full_chroma = full_chroma;
  const Image decoded = decode_image(encode_image(picture, options), "a damaged picture");
  return picture.channels == 3 ? to_rgb(decoded) : decoded;
}

Image jpeg_damaged(const Image& picture, Random& random) {
  const int quality = 4 + static_cast<int>(random.below(27));
  return through_jpeg(picture, quality, random.chance(0.5));
}

Image low_resolution(const Image& picture, Random& random) {
  const int factor = random.chance(0.6) ? 2 : 4;
  const Image small = resize(picture, std::max(1, picture.width / factor),
                             std::max(1, picture.height / factor), Filter::box);
  return resize(small, picture.width, picture.height, Filter::bicubic);
}

Image faded(const Image& picture, Random& random) {
  constexpr std::array<std::uint8_t, 3> kOldPaper = {214, 198, 160};
  const Image pale = with_saturation(picture, random.between(0.2, 0.6));
  return with_tint(with_contrast(pale, random.between(0.4, 0.75)), kOldPaper,
                   random.between(0.1, 0.35));
}

Image darkened(const Image& picture, Random& random) {
  return with_light(picture, random.between(0.2, 0.55));
}

}  // namespace sumi
