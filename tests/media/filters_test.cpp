#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include "media/blur.h"
#include "media/compare.h"
#include "media/geometry.h"
#include "media/tone.h"

namespace sumi {
namespace {

/// One bright pixel in the middle of a dark gray picture.
Image impulse(int side) {
  const std::uint8_t black = 0;
  Image image = filled_image(side, side, {&black, 1});
  image.pixels[static_cast<std::size_t>(side / 2 * side + side / 2)] = 255;
  return image;
}

int at(const Image& image, int x, int y) {
  return image.pixels[static_cast<std::size_t>(y * image.width + x)];
}

TEST(GaussianBlur, SpreadsAPixelAsTheNormalDistribution) {
  constexpr double kSigma = 1.5;
  const Image blurred = gaussian_blur(impulse(21), kSigma);
  for (int y = 5; y < 16; ++y)
    for (int x = 5; x < 16; ++x) {
      const double square = std::pow(x - 10, 2) + std::pow(y - 10, 2);
      const double density =
          std::exp(-square / (2 * kSigma * kSigma)) / (2 * std::numbers::pi * kSigma * kSigma);
      EXPECT_NEAR(at(blurred, x, y), 255 * density, 0.75) << x << " " << y;
    }
}

TEST(GaussianBlur, OfASlopeIsTheSlope) {
  const std::uint8_t black = 0;
  Image slope = filled_image(64, 4, {&black, 1});
  for (std::size_t i = 0; i < slope.pixels.size(); ++i)
    slope.pixels[i] = static_cast<std::uint8_t>(3 * (i % 64));
  const Image blurred = gaussian_blur(slope, 2);
  for (int x = 8; x < 56; ++x) EXPECT_EQ(at(blurred, x, 2), 3 * x);
}

TEST(MotionBlur, IsTheMeanAlongALine) {
  const Image across = motion_blur(impulse(21), 5, 0);
  const Image down = motion_blur(impulse(21), 5, std::numbers::pi / 2);
  for (int i = 0; i < 21; ++i) {
    EXPECT_EQ(at(across, i, 10), std::abs(i - 10) <= 2 ? 51 : 0) << i;
    EXPECT_EQ(at(down, 10, i), std::abs(i - 10) <= 2 ? 51 : 0) << i;
    if (i != 10) {
      EXPECT_EQ(at(across, 10, i), 0);
      EXPECT_EQ(at(down, i, 10), 0);
    }
  }
}

TEST(MotionBlur, SlantedItLosesNoLight) {
  const Image slanted = motion_blur(impulse(31), 9, 0.7);
  const double sum = std::accumulate(slanted.pixels.begin(), slanted.pixels.end(), 0.0);
  EXPECT_NEAR(sum, 255, 255 * 0.08);  // each of a few dozen values is rounded
}

const std::vector<std::uint8_t> kColour = {200, 100, 40};

TEST(Tone, LightMultiplies) {
  EXPECT_EQ(with_light(filled_image(3, 2, kColour), 0.5),
            filled_image(3, 2, std::vector<std::uint8_t>{100, 50, 20}));
  EXPECT_EQ(with_light(filled_image(3, 2, kColour), 2),
            filled_image(3, 2, std::vector<std::uint8_t>{255, 200, 80}));
}

TEST(Tone, ContrastGoesAboutTheMean) {
  const std::uint8_t dark = 50, bright = 150;
  Image halves = filled_image(2, 1, {&dark, 1});
  halves.pixels[1] = bright;
  EXPECT_EQ(with_contrast(halves, 0.5).pixels, (std::vector<std::uint8_t>{75, 125}));
  EXPECT_EQ(with_contrast(halves, 1), halves);
  EXPECT_EQ(with_contrast(halves, 0).pixels, (std::vector<std::uint8_t>{100, 100}));
}

TEST(Tone, SaturationGoesAboutTheLuma) {
  const Image image = filled_image(1, 1, kColour);
  // 0.299 * 200 + 0.587 * 100 + 0.114 * 40 = 123.06
  EXPECT_EQ(with_saturation(image, 0).pixels, (std::vector<std::uint8_t>{123, 123, 123}));
  EXPECT_EQ(with_saturation(image, 1), image);
  EXPECT_EQ(with_saturation(image, 0.5).pixels, (std::vector<std::uint8_t>{162, 112, 82}));
}

TEST(Tone, TintMixes) {
  const Image image = filled_image(1, 1, kColour);
  EXPECT_EQ(with_tint(image, {0, 200, 240}, 0.25).pixels,
            (std::vector<std::uint8_t>{150, 125, 90}));
  EXPECT_EQ(with_tint(image, {0, 200, 240}, 0), image);
}

}  // namespace
}  // namespace sumi
