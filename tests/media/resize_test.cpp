#include "media/resize.h"

#include <gtest/gtest.h>

#include <numbers>

#include "media/colour.h"
#include "media/compare.h"
#include "media/geometry.h"
#include "pictures.h"

namespace sumi {
namespace {
using namespace sumi::testing;

double kernel(Filter filter, double x) {
  const double pi = std::numbers::pi, t = std::abs(x);
  const auto sinc = [&](double v) { return v == 0 ? 1 : std::sin(pi * v) / (pi * v); };
  switch (filter) {
    case Filter::box:
      return x > -0.5 && x <= 0.5;
    case Filter::bilinear:
      return t < 1 ? 1 - t : 0;
    case Filter::hamming:
      return t < 1 ? sinc(t) * (0.54 + 0.46 * std::cos(pi * t)) : 0;
    case Filter::bicubic:
      return t < 1   ? 1.5 * t * t * t - 2.5 * t * t + 1
             : t < 2 ? -0.5 * t * t * t + 2.5 * t * t - 4 * t + 2
                     : 0;
    case Filter::lanczos:
      return t < 3 ? sinc(t) * sinc(t / 3) : 0;
  }
  return 0;
}

/// One axis in doubles, over all inputs: the definition without windows or fixed point.
std::vector<double> resampled(const std::vector<double>& in, int to, Filter filter) {
  const double scale = static_cast<double>(in.size()) / to, stretch = std::max(1.0, scale);
  std::vector<double> out;
  for (int i = 0; i < to; ++i) {
    double sum = 0, total = 0;
    for (std::size_t x = 0; x < in.size(); ++x) {
      const double w = kernel(filter, (static_cast<double>(x) + 0.5 - (i + 0.5) * scale) / stretch);
      sum += w * in[x];
      total += w;
    }
    out.push_back(sum / total);
  }
  return out;
}

double level(double value) { return std::clamp(std::floor(value + 0.5), 0.0, 255.0); }

/// Rows first and rounded, then columns, as the definition has it.
Image reference_resize(const Image& image, int width, int height, Filter filter) {
  Image out{width, height, image.channels,
            std::vector<std::uint8_t>(std::size_t(width) * height * image.channels)};
  for (int c = 0; c < image.channels; ++c) {
    std::vector<std::vector<double>> rows;
    for (int y = 0; y < image.height; ++y) {
      std::vector<double> row;
      for (int x = 0; x < image.width; ++x)
        row.push_back(image.pixels[(y * image.width + x) * image.channels + c]);
      rows.push_back(resampled(row, width, filter));
      for (double& value : rows.back()) value = level(value);
    }
    for (int x = 0; x < width; ++x) {
      std::vector<double> column;
      for (const auto& row : rows) column.push_back(row[x]);
      const auto result = resampled(column, height, filter);
      for (int y = 0; y < height; ++y)
        out.pixels[(y * width + x) * image.channels + c] =
            static_cast<std::uint8_t>(level(result[y]));
    }
  }
  return out;
}

constexpr Filter filters[] = {Filter::box, Filter::bilinear, Filter::hamming, Filter::bicubic,
                              Filter::lanczos};

TEST(Resize, FollowsItsDefinitionWithinOneLevel) {
  for (const Filter filter : filters)
    for (const auto& [width, height] : {std::pair{7, 5}, {40, 31}, {23, 9}, {1, 1}, {64, 3}}) {
      const Image image = noise_image(23, 17, 3);
      const Image out = resize(image, width, height, filter);
      ASSERT_EQ(out.width, width);
      ASSERT_EQ(out.height, height);
      EXPECT_LE(max_difference(out, reference_resize(image, width, height, filter)), 1)
          << static_cast<int>(filter) << " to " << width << "x" << height;
    }
}

Image gray_row(std::vector<std::uint8_t> values) {
  return {static_cast<int>(values.size()), 1, 1, std::move(values)};
}

// Worked out by hand: weights as fractions, sums rounded half up.
TEST(Resize, GivesTheValuesWorkedOutByHand) {
  const Image row = gray_row({0, 100, 200, 50});
  EXPECT_EQ(resize(row, 2, 1, Filter::box), gray_row({50, 125}));
  // Halving with the triangle of reach 2: weights (3, 3, 1) / 7 and (1, 3, 3) / 7.
  EXPECT_EQ(resize(row, 2, 1, Filter::bilinear), gray_row({71, 121}));
  // Doubling: a quarter of the neighbour, the edge alone at the ends.
  EXPECT_EQ(resize(gray_row({0, 100}), 4, 1, Filter::bilinear), gray_row({0, 25, 75, 100}));
  // Keys' weights at a quarter: (-9, 111, 29, -3) / 128, what falls off the ends shared by the
  // rest: -9/102, 29/140, 111/140 and 111/102 of 100, the first cut at 0.
  EXPECT_EQ(resize(gray_row({0, 100}), 4, 1, Filter::bicubic), gray_row({0, 21, 79, 109}));
  EXPECT_EQ(resize(gray_row({10, 20, 40}), 1, 1, Filter::box), gray_row({23}));
}

TEST(Resize, KeepsFlatPicturesFlat) {
  for (const Filter filter : filters)
    for (const std::uint8_t value : {0, 1, 127, 254, 255}) {
      const Image flat = filled_image(19, 13, std::vector<std::uint8_t>(3, value));
      EXPECT_EQ(resize(flat, 50, 4, filter),
                filled_image(50, 4, std::vector<std::uint8_t>(3, value)));
    }
}

TEST(Resize, SameSizeIsTheSamePicture) {
  for (const int channels : {1, 3, 4}) {
    const Image image = noise_image(8, 6, channels);
    EXPECT_EQ(resize(image, 8, 6, Filter::lanczos), image);
  }
}

TEST(Resize, HiddenColourDoesNotLeak) {
  // Green under alpha 0 beside opaque red: what shows stays red.
  Image image = filled_image(8, 8, std::vector<std::uint8_t>{0, 255, 0, 0});
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 4; ++x) {
      std::uint8_t* pixel = image.pixels.data() + (y * 8 + x) * 4;
      pixel[0] = 255, pixel[1] = 0, pixel[3] = 255;
    }
  const Image small = resize(image, 3, 3, Filter::bilinear);
  for (std::size_t i = 0; i < small.pixels.size(); i += 4) {
    if (small.pixels[i + 3] > 0) {
      EXPECT_EQ(small.pixels[i + 1], 0);
    }
  }
  EXPECT_GT(resize_channels(image, 3, 3, Filter::bilinear).pixels[5], 50);
}

TEST(Resize, CoverAndFitKeepProportions) {
  const Image image = smooth_image(60, 30, 3);
  EXPECT_EQ(resize_to_cover(image, 20, 20).width, 20);
  EXPECT_EQ(resize_to_cover(image, 20, 20).height, 20);
  EXPECT_EQ(resize_to_cover(image, 20, 20), crop(resize(image, 40, 20), 10, 0, 20, 20));
  EXPECT_EQ(resize_to_fit(image, 20, 20), resize(image, 20, 10));
}

TEST(Resize, RefusesEmptySizes) {
  EXPECT_NE(problem_of([] { resize(noise_image(4, 4, 3), 0, 4); }), "");
  EXPECT_NE(problem_of([] { resize(Image{}, 4, 4); }), "");
}

TEST(Geometry, CropsPadsAndPastes) {
  const Image image = noise_image(6, 5, 3);
  const Image padded = pad(image, 2, 1, 3, 4, {9, 8, 7, 255});
  EXPECT_EQ(padded.width, 11);
  EXPECT_EQ(padded.height, 10);
  EXPECT_EQ(crop(padded, 2, 1, 6, 5), image);
  EXPECT_EQ(crop(padded, 0, 0, 2, 1), filled_image(2, 1, std::vector<std::uint8_t>{9, 8, 7}));
  EXPECT_NE(problem_of([&] { crop(image, 3, 0, 4, 5); }), "");
  Image canvas = filled_image(4, 4, std::vector<std::uint8_t>{0, 0, 0});
  paste(canvas, image, -2, -1);
  EXPECT_EQ(canvas, crop(image, 2, 1, 4, 4));
  paste(canvas, image, 40, 0);  // nothing to see, nothing to break
  EXPECT_EQ(canvas, crop(image, 2, 1, 4, 4));
}

TEST(Geometry, FlipsUndoThemselves) {
  const Image image = noise_image(6, 5, 4);
  EXPECT_EQ(flip_horizontal(flip_horizontal(image)), image);
  EXPECT_EQ(flip_vertical(flip_vertical(image)), image);
  EXPECT_EQ(transpose(transpose(image)), image);
  EXPECT_NE(flip_horizontal(image), image);
  EXPECT_EQ(oriented(image, 9), image);
}

TEST(Colour, ConvertsBetweenKinds) {
  const Image rgb{2, 1, 3, {255, 0, 0, 10, 20, 30}};
  EXPECT_EQ(to_gray(rgb), (Image{2, 1, 1, {76, 18}}));  // 0.299 R + 0.587 G + 0.114 B
  EXPECT_EQ(to_rgb(Image{1, 1, 1, {7}}), (Image{1, 1, 3, {7, 7, 7}}));
  EXPECT_EQ(to_rgba(rgb), (Image{2, 1, 4, {255, 0, 0, 255, 10, 20, 30, 255}}));
  EXPECT_EQ(to_rgb(to_rgba(rgb)), rgb);
  const Image glass{1, 1, 4, {200, 100, 0, 51}};  // a fifth
  EXPECT_EQ(flatten(glass, {0, 50, 255}), (Image{1, 1, 3, {40, 60, 204}}));
  EXPECT_EQ(with_alpha(rgb, Image{2, 1, 1, {1, 2}}),
            (Image{2, 1, 4, {255, 0, 0, 1, 10, 20, 30, 2}}));
  EXPECT_EQ(premultiply(glass), (Image{1, 1, 4, {40, 20, 0, 51}}));
  EXPECT_EQ(unpremultiply(premultiply(glass)), glass);
}

TEST(Compare, MeasuresWhatItSays) {
  const Image a = filled_image(16, 16, std::vector<std::uint8_t>{100});
  const Image b = filled_image(16, 16, std::vector<std::uint8_t>{110});
  EXPECT_DOUBLE_EQ(mean_squared_error(a, b), 100);
  EXPECT_NEAR(psnr_db(a, b), 28.1308, 1e-4);
  EXPECT_TRUE(std::isinf(psnr_db(a, a)));
  EXPECT_EQ(max_difference(a, b), 10);
  EXPECT_NE(problem_of([&] { psnr_db(a, noise_image(16, 16, 3)); }), "");
}

TEST(Compare, SsimFollowsItsFormula) {
  const Image a = filled_image(16, 16, std::vector<std::uint8_t>{100});
  const Image b = filled_image(16, 16, std::vector<std::uint8_t>{110});
  // Flat pictures: variances vanish and only the luminance term is left.
  const double c1 = 2.55 * 2.55;
  EXPECT_NEAR(ssim(a, b), (2 * 100.0 * 110 + c1) / (100.0 * 100 + 110.0 * 110 + c1), 1e-9);
  const Image noise = noise_image(32, 32, 3), other = noise_image(32, 32, 3, 2);
  EXPECT_NEAR(ssim(noise, noise), 1, 1e-12);
  EXPECT_LT(std::abs(ssim(noise, other)), 0.1);
  EXPECT_NE(problem_of([&] { ssim(noise_image(10, 12, 1), noise_image(10, 12, 1)); }), "");
}

}  // namespace
}  // namespace sumi
