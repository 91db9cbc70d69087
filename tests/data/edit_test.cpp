#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>

#include "core/error.h"
#include "data/degradation.h"
#include "data/edit_pair.h"
#include "data/picture_noise.h"
#include "data/recolour.h"
#include "media/blur.h"
#include "media/compare.h"
#include "media/geometry.h"
#include "media/resize.h"
#include "media/tone.h"

namespace sumi {
namespace {

using Rgb = std::array<std::uint8_t, 3>;

Image filled(int side, Rgb colour) { return filled_image(side, side, colour); }

/// A red square on a sloping gray ground.
Image picture() {
  Image image = filled(32, {0, 0, 0});
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 32; ++x) {
      const auto at = static_cast<std::size_t>((y * 32 + x) * 3);
      const auto gray = static_cast<std::uint8_t>(60 + 3 * x + 2 * y);
      const bool inside = x >= 10 && x < 22 && y >= 12 && y < 24;
      const Rgb colour = inside ? Rgb{220, 40, 40} : Rgb{gray, gray, gray};
      for (std::size_t c = 0; c < 3; ++c) image.pixels[at + c] = colour[c];
    }
  return image;
}

struct Moments {
  double mean = 0, variance = 0;
};

Moments moments_of(const Image& image) {
  Moments moments;
  const auto count = static_cast<double>(image.pixels.size());
  for (const auto value : image.pixels) moments.mean += value / count;
  for (const auto value : image.pixels)
    moments.variance += std::pow(value - moments.mean, 2) / count;
  return moments;
}

TEST(PictureNoise, GaussianHasItsDeviation) {
  const auto [mean, variance] = moments_of(gaussian_noise(filled(128, {128, 128, 128}), 20, 1));
  EXPECT_NEAR(mean, 128, 0.5);
  EXPECT_NEAR(std::sqrt(variance), 20, 0.4);
}

TEST(PictureNoise, SaltAndPepperHitItsShareAlike) {
  const Image noisy = salt_and_pepper(filled(200, {90, 120, 150}), 0.1, 2);
  std::map<int, int> counts;
  for (std::size_t i = 0; i < noisy.pixels.size(); i += 3) {
    ++counts[noisy.pixels[i]];
    if (noisy.pixels[i] != 90) {
      EXPECT_EQ(noisy.pixels[i], noisy.pixels[i + 2]);
    }
  }
  // Binomial: 2000 of 40000 each, deviation 44.
  EXPECT_NEAR(counts[0], 2000, 200);
  EXPECT_NEAR(counts[255], 2000, 200);
  EXPECT_EQ(counts[0] + counts[255] + counts[90], 40000);
}

TEST(PictureNoise, ShotNoiseGrowsWithTheLight) {
  for (const int value : {30, 120}) {
    const auto byte = static_cast<std::uint8_t>(value);
    for (const double photons : {60.0, 400.0}) {  // few and many: two ways to draw
      const auto [mean, variance] =
          moments_of(shot_noise(filled(128, {byte, byte, byte}), photons, 3));
      EXPECT_NEAR(mean, value, 1) << photons;
      EXPECT_NEAR(variance, value * 255 / photons, 0.06 * value * 255 / photons + 1) << photons;
    }
  }
}

TEST(Degradation, IsAFunctionOfPictureAndSeed) {
  const Image image = picture();
  for (const auto damage : {blurred, noisy, jpeg_damaged, low_resolution, faded, darkened}) {
    std::set<std::string> different;
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      Random one(seed, 0, 0), other(seed, 0, 0);
      const Image damaged = damage(image, one);
      EXPECT_EQ(damaged, damage(image, other));
      EXPECT_NE(damaged, image);
      EXPECT_EQ(damaged.width, 32);
      EXPECT_EQ(damaged.channels, 3);
      EXPECT_GT(psnr_db(damaged, image), 5);
      different.emplace(damaged.pixels.begin(), damaged.pixels.end());
    }
    EXPECT_GE(different.size(), 2u);
  }
}

TEST(Degradation, JpegIsRealJpeg) {
  const Image image = picture();
  SaveOptions options;
  options.format = ImageFormat::jpeg;
  options.quality = 7;
  const Image decoded = decode_image(encode_image(image, options), "test");
  EXPECT_EQ(through_jpeg(image, 7, false), decoded);
  EXPECT_GT(psnr_db(through_jpeg(image, 90, true), image), psnr_db(decoded, image) + 5);
}

TEST(Degradation, LowResolutionKeepsWhatIsCoarse) {
  const Image flat = filled(32, {10, 200, 90});
  Random random(1, 0, 0);
  EXPECT_EQ(low_resolution(flat, random), flat);
  Image checks = filled(32, {0, 0, 0});
  for (std::size_t i = 0; i < checks.pixels.size(); ++i)
    checks.pixels[i] = (i / 3 + i / 96) % 2 == 0 ? 0 : 255;
  const auto [mean, variance] = moments_of(low_resolution(checks, random));
  EXPECT_NEAR(mean, 127.5, 1);
  EXPECT_LT(variance, 1);
}

TEST(Recolour, HsvOfKnownColours) {
  const auto expect = [](Rgb rgb, double hue, double saturation, double value) {
    const Hsv colour = to_hsv(rgb);
    EXPECT_NEAR(colour.hue, hue, 1e-9);
    EXPECT_NEAR(colour.saturation, saturation, 1e-9);
    EXPECT_NEAR(colour.value, value, 1e-9);
    EXPECT_EQ(to_rgb(colour), rgb);
  };
  expect({255, 0, 0}, 0, 1, 1);
  expect({0, 255, 0}, 120, 1, 1);
  expect({0, 0, 255}, 240, 1, 1);
  expect({255, 255, 0}, 60, 1, 1);
  expect({51, 51, 51}, 0, 0, 0.2);
  expect({255, 0, 255}, 300, 1, 1);
  for (int r = 0; r < 256; r += 37)
    for (int g = 0; g < 256; g += 41)
      for (int b = 0; b < 256; b += 43) {
        const Rgb rgb = {static_cast<std::uint8_t>(r), static_cast<std::uint8_t>(g),
                         static_cast<std::uint8_t>(b)};
        EXPECT_EQ(to_rgb(to_hsv(rgb)), rgb);
      }
}

TEST(Recolour, WordsForColours) {
  EXPECT_EQ(colour_word({214, 48, 49}), "red");
  EXPECT_EQ(colour_word({46, 98, 210}), "blue");
  EXPECT_EQ(colour_word({72, 168, 86}), "green");
  EXPECT_EQ(colour_word({250, 211, 72}), "yellow");
  EXPECT_EQ(colour_word({134, 90, 58}), "brown");
  EXPECT_EQ(colour_word({24, 24, 28}), "black");
  EXPECT_EQ(colour_word({142, 146, 152}), "gray");
  EXPECT_EQ(colour_word({248, 248, 246}), "white");
  EXPECT_EQ(colour_word({250, 20, 30}), "red");  // from the other side of the circle
}

TEST(Recolour, ChangesTheHueAndLeavesGrayAlone) {
  const Image image = picture();
  EXPECT_EQ(dominant_colour(image).word, "red");
  EXPECT_NEAR(dominant_colour(image).share, 144.0 / 1024, 1e-9);
  const Image blue = recoloured(image, 240);
  EXPECT_EQ(dominant_colour(blue).word, "blue");
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    const Rgb before = {image.pixels[i], image.pixels[i + 1], image.pixels[i + 2]};
    const Rgb after = {blue.pixels[i], blue.pixels[i + 1], blue.pixels[i + 2]};
    EXPECT_EQ(after, before == (Rgb{220, 40, 40}) ? (Rgb{40, 40, 220}) : before);
  }
  EXPECT_EQ(recoloured(image, 240, "green"), image);
  const Image nowhere = filled_image(32, 32, std::vector<std::uint8_t>{0});
  EXPECT_EQ(recoloured(image, 240, {}, &nowhere), image);
}

/// A sprite of one opaque colour.
struct Block {
  explicit Block(Rgb colour) {
    for (int i = 0; i < 16 * 16; ++i)
      pixels.insert(pixels.end(), {colour[0], colour[1], colour[2], 255});
    sprite = {16, 16, pixels, colour};
  }
  std::vector<std::uint8_t> pixels;
  Sprite sprite;
};

TEST(Edits, KnowWhatTheyDo) {
  const Image image = picture();
  const auto make = [&](EditKind kind) { return make_edit(kind, image, {}, 4); };
  for (std::size_t i = 0; i < kEditKinds; ++i) {
    const auto kind = static_cast<EditKind>(i);
    const auto pair = make(kind);
    ASSERT_EQ(pair.has_value(), kind != EditKind::background) << i;
    if (!pair) continue;
    EXPECT_FALSE(pair->instruction.empty());
    EXPECT_EQ(pair->instruction.find('{'), std::string::npos);
    if (restores(kind)) {
      EXPECT_EQ(pair->wanted, image) << i;
    }
    EXPECT_EQ(pair->wanted == pair->given, kind == EditKind::leave) << i;
  }
  EXPECT_EQ(make(EditKind::mirror)->wanted, flip_horizontal(image));
  EXPECT_EQ(make(EditKind::turn_over)->wanted, flip_vertical(image));
  EXPECT_EQ(make(EditKind::to_gray)->wanted, with_saturation(image, 0));
  EXPECT_EQ(make(EditKind::colourise)->given, with_saturation(image, 0));
}

TEST(Edits, NameTheColoursTheyChange) {
  const Image image = picture();
  int replaced = 0, painted = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const auto pair = make_edit(EditKind::recolour, image, {}, seed);
    if (!pair) continue;  // red to red
    const auto word = std::string(dominant_colour(pair->wanted).word);
    EXPECT_NE(pair->instruction.find(word), std::string::npos) << pair->instruction << ", " << word;
    (pair->instruction.find("red") != std::string::npos ? replaced : painted) += 1;
  }
  EXPECT_GT(replaced, 5);
  EXPECT_GT(painted, 5);
  EXPECT_FALSE(make_edit(EditKind::recolour, filled(16, {90, 90, 90}), {}, 1));
}

TEST(Edits, ChangeOnlyTheGroundOrOnlyTheThing) {
  const Block block({210, 40, 40});
  const std::optional<Scene> scene =
      Scene{{46, 98, 210}, {{&block.sprite, 0.5, 0.5, 0.5, false}}, ""};
  const Image image = paint(*scene, 32);
  const auto middle = static_cast<std::size_t>((16 * 32 + 16) * 3);
  const auto ground = make_edit(EditKind::background, image, scene, 3);
  ASSERT_TRUE(ground);
  EXPECT_EQ(ground->wanted.pixels[middle], 210);
  const Rgb corner = {ground->wanted.pixels[0], ground->wanted.pixels[1], ground->wanted.pixels[2]};
  bool named = false;
  for (const auto& colour : ground_colours())
    named |= colour.rgb == corner && ground->instruction.find(colour.name) != std::string::npos;
  EXPECT_TRUE(named) << ground->instruction;
  int things = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const auto pair = make_edit(EditKind::recolour, image, scene, seed);
    if (!pair || pair->instruction.find("blue") != std::string::npos) continue;
    ++things;
    EXPECT_EQ(pair->wanted.pixels[0], 46) << pair->instruction;
    EXPECT_NE(pair->wanted.pixels, image.pixels);
  }
  EXPECT_GT(things, 5);
}

TEST(Edits, AreDrawnByTheirShares) {
  EditMix mix;
  EditMix::fields(mix, [](const char*, double& share, const char*) { share = 0; });
  EXPECT_THROW(check(mix), Error);
  mix.denoise = 3;
  mix.leave = 1;
  check(mix);
  const Image image = picture();
  int denoised = 0;
  constexpr int kDraws = 2000;
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    const auto pair = draw_edit(mix, image, {}, seed);
    ASSERT_TRUE(pair.kind == EditKind::denoise || pair.kind == EditKind::leave);
    denoised += pair.kind == EditKind::denoise;
  }
  EXPECT_NEAR(denoised, 0.75 * kDraws, 4 * std::sqrt(kDraws * 0.75 * 0.25));
  mix.denoise = mix.leave = 0;
  mix.background = 1;  // nobody knows the ground
  EXPECT_EQ(draw_edit(mix, image, {}, 1).kind, EditKind::leave);
  mix.background = -1;
  EXPECT_THROW(check(mix), Error);
}

}  // namespace
}  // namespace sumi
