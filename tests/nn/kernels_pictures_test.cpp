// Convolutions that change their pictures as they read them, against the same in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "nn/kernels/norms.h"
#include "nn/kernels/packed_convolution.h"
#include "nn/kernels/picture_input.h"
#include "nn/kernels/winograd.h"
#include "nn/kernels/word_convolution.h"

namespace sumi {
namespace {

using Floats = std::vector<float>;
using Reals = std::vector<double>;

Floats random_floats(std::int64_t count, unsigned seed, float deviation = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, deviation);
  Floats values(static_cast<std::size_t>(count));
  for (auto& value : values) value = normal(generator);
  return values;
}

void expect_close(const Floats& ours, const Reals& exact, double relative) {
  ASSERT_EQ(ours.size(), exact.size());
  double most = 0;
  for (const auto value : exact) most = std::max(most, std::abs(value));
  for (std::size_t i = 0; i < exact.size(); ++i)
    ASSERT_NEAR(ours[i], exact[i], relative * most) << "element " << i;
}

/// Of the largest number of the result, of one in 16-bit integers.
constexpr double kWordError = 1e-3;

/// A 3 x 3 convolution of one or two sources and what happens to them before it.
struct Case {
  const char* name;
  std::int64_t first, second, out;
  ImageSize size;
  std::int64_t from_height = 0, from_width = 0;  ///< 0: not enlarged
  bool scaled = false, silu = false;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

const Case kCases[] = {
    {"one pixel", 3, 0, 5, {1, 1, 1}, 0, 0, true, true},
    {"a row", 5, 0, 3, {3, 1, 13}, 0, 0, true, false},
    {"a column", 16, 0, 16, {2, 19, 1}, 0, 0, true, true},
    {"batch of three, odd sides", 33, 0, 17, {3, 7, 10}, 0, 0, true, true},
    {"two sources", 20, 13, 9, {2, 9, 6}, 0, 0, true, true},
    {"two plain sources", 3, 70, 4, {1, 5, 5}},
    {"wider than a panel", 70, 0, 70, {1, 6, 9}, 0, 0, true, true},
    {"several panels of both", 65, 66, 130, {1, 5, 4}, 0, 0, true, true},
    {"more tiles than a block", 4, 0, 6, {1, 61, 83}, 0, 0, true, true},
    {"three samples of several blocks", 6, 0, 4, {3, 41, 38}, 0, 0, true, true},
    {"many small samples", 7, 0, 5, {37, 5, 3}, 0, 0, true, true},
    {"enlarged twice", 18, 0, 7, {2, 10, 14}, 5, 7},
    {"enlarged unevenly", 5, 0, 8, {3, 7, 11}, 4, 6},
    {"enlarged one pixel", 4, 0, 4, {1, 2, 2}, 1, 1},
    {"enlarged, scaled, two sources", 6, 4, 5, {2, 9, 12}, 3, 4, true, true},
};

class StagedConvolutions : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const auto& c = GetParam();
    const auto height = c.from_height > 0 ? c.from_height : c.size.height;
    const auto width = c.from_height > 0 ? c.from_width : c.size.width;
    const auto pixels = c.size.batch * height * width, in = c.first + c.second;
    first_ = random_floats(pixels * c.first, 1);
    second_ = random_floats(pixels * c.second, 2);
    scale_ = random_floats(c.size.batch * in, 3);
    shift_ = random_floats(c.size.batch * in, 4);
    weight_ = random_floats(c.out * in * 9, 5, 1 / std::sqrt(static_cast<float>(in * 9)));
    bias_ = random_floats(c.out, 6);
    residual_ = random_floats(c.size.pixels() * c.out, 7);
    shape_ = {in, c.out, 3, 1, {1, 1, 1, 1}};
    input_ = {.sources = {{{first_.data(), c.first}, {second_.data(), c.second}}},
              .size = c.size,
              .from_height = c.from_height,
              .from_width = c.from_width,
              .scale = c.scaled ? scale_.data() : nullptr,
              .shift = c.scaled ? shift_.data() : nullptr,
              .silu = c.silu};
  }

  /// A pixel as the convolution shall see it.
  double seen(std::int64_t sample, std::int64_t y, std::int64_t x, std::int64_t channel) const {
    const auto& c = GetParam();
    if (y < 0 || y >= c.size.height || x < 0 || x >= c.size.width) return 0;
    auto height = c.size.height, width = c.size.width;
    if (c.from_height > 0) {
      y = y * c.from_height / height, x = x * c.from_width / width;
      height = c.from_height, width = c.from_width;
    }
    const auto pixel = (sample * height + y) * width + x;
    double value = channel < c.first
                       ? first_[static_cast<std::size_t>(pixel * c.first + channel)]
                       : second_[static_cast<std::size_t>(pixel * c.second + channel - c.first)];
    const auto at = static_cast<std::size_t>(sample * (c.first + c.second) + channel);
    if (c.scaled) value = value * scale_[at] + shift_[at];
    return c.silu ? value / (1 + std::exp(-value)) : value;
  }

  Reals exact(bool adds) const {
    const auto& c = GetParam();
    const auto in = c.first + c.second;
    Reals y;
    for (std::int64_t n = 0; n < c.size.batch; ++n)
      for (std::int64_t v = 0; v < c.size.height; ++v)
        for (std::int64_t u = 0; u < c.size.width; ++u) {
          Reals window;  // [3, 3, in]
          for (int k = 0; k < 9; ++k)
            for (std::int64_t i = 0; i < in; ++i)
              window.push_back(seen(n, v + k / 3 - 1, u + k % 3 - 1, i));
          for (std::int64_t o = 0; o < c.out; ++o) {
            double sum = bias_[static_cast<std::size_t>(o)];
            for (std::int64_t k = 0; k < 9; ++k)
              for (std::int64_t i = 0; i < in; ++i)
                sum += window[static_cast<std::size_t>(k * in + i)] *
                       weight_[static_cast<std::size_t>((o * in + i) * 9 + k)];
            y.push_back(adds ? sum + residual_[y.size()] : sum);
          }
        }
    return y;
  }

  void expect_all_forms(const PackedConvolution::Options& options, double relative = 1e-5) {
    PackedConvolution layer(shape_, weight_.data(), bias_.data(), options);
    Floats out(residual_.size(), NAN);
    ASSERT_TRUE(layer.run(input_, out.data()));
    expect_close(out, exact(false), relative);
    ASSERT_TRUE(layer.run(input_, out.data(), residual_.data()));
    expect_close(out, exact(true), relative);
    out = residual_;
    ASSERT_TRUE(layer.run(input_, out.data(), out.data()));
    expect_close(out, exact(true), relative);
  }

  Floats first_, second_, scale_, shift_, weight_, bias_, residual_;
  ConvolutionShape shape_;
  PictureInput input_;
};

INSTANTIATE_TEST_SUITE_P(Pictures, StagedConvolutions, testing::ValuesIn(kCases));

TEST_P(StagedConvolutions, LargeTiles) { expect_all_forms({}); }
TEST_P(StagedConvolutions, SmallTiles) { expect_all_forms({.large_tiles = 0}); }
TEST_P(StagedConvolutions, Direct) { expect_all_forms({.large_tiles = 0, .small_tiles = 0}); }

TEST_P(StagedConvolutions, Words) {
  if (!WordConvolution::serves(shape_)) GTEST_SKIP() << "this processor has no AVX-512 VNNI";
  EXPECT_STREQ(PackedConvolution(shape_, weight_.data(), nullptr, {.words = true}).method(),
               "winograd 4 in words");
  expect_all_forms({.words = true}, kWordError);
}

TEST_P(StagedConvolutions, WordsOnceWithoutKeepingWeights) {
  Floats out = residual_;
  convolve_once(shape_, weight_.data(), bias_.data(), input_, out.data(), out.data(), true);
  expect_close(out, exact(true), kWordError);
  bias_.assign(bias_.size(), 0);
  convolve_once(shape_, weight_.data(), nullptr, input_, out.data(), nullptr, true);
  expect_close(out, exact(false), kWordError);
}

TEST_P(StagedConvolutions, OnceWithoutKeepingWeights) {
  Floats out(residual_.size(), NAN);
  convolve_once(shape_, weight_.data(), bias_.data(), input_, out.data());
  expect_close(out, exact(false), 1e-5);
  out = residual_;
  convolve_once(shape_, weight_.data(), bias_.data(), input_, out.data(), out.data());
  expect_close(out, exact(true), 1e-5);
  bias_.assign(bias_.size(), 0);
  convolve_once(shape_, weight_.data(), nullptr, input_, out.data());
  expect_close(out, exact(false), 1e-5);
}

TEST_P(StagedConvolutions, StageWritesZerosAroundThePicture) {
  const auto& c = GetParam();
  const auto in = c.first + c.second;
  constexpr std::int64_t kAround = 3;
  Floats row(static_cast<std::size_t>((c.size.width + 2 * kAround) * in));
  for (std::int64_t n = 0; n < c.size.batch; ++n)
    for (auto y = -kAround; y < c.size.height + kAround; ++y) {
      std::ranges::fill(row, NAN);
      for (std::size_t source = 0; source < 2; ++source) {
        const auto width = source == 0 ? c.first : c.second;
        if (width > 0)
          stage(input_, {n, y, -kAround, c.size.width + kAround, source, 0, width},
                row.data() + (source == 0 ? 0 : c.first), in);
      }
      Reals wanted;
      for (auto x = -kAround; x < c.size.width + kAround; ++x)
        for (std::int64_t i = 0; i < in; ++i) wanted.push_back(seen(n, y, x, i));
      for (std::size_t i = 0; i < row.size(); ++i) ASSERT_NEAR(row[i], wanted[i], 1e-5);
    }
}

TEST(Stage, RunsBesideThePictureAreZero) {
  const Floats x = {1, 2, 3, 4};
  const PictureInput input = {.sources = {{{x.data(), 1}, {}}}, .size = {1, 2, 2}};
  Floats out(3, NAN);
  for (const auto& [first, y] : {std::pair{2, 0}, {5, 1}, {-3, 0}, {0, 2}, {0, -1}}) {
    stage(input, {0, y, first, first + 3, 0, 0, 1}, out.data(), 1);
    EXPECT_EQ(out, Floats(3, 0)) << first << " " << y;
  }
}

/// Error of a convolution in words against one in floats, in dB.
double word_snr_db(const Floats& x, const ImageSize& size, std::int64_t in, std::int64_t out,
                   const Floats& weight) {
  const ConvolutionShape shape = {in, out, 3, 1, {1, 1, 1, 1}};
  const PictureInput input = {.sources = {{{x.data(), in}, {}}}, .size = size};
  Floats exact(static_cast<std::size_t>(size.pixels() * out)), words(exact.size());
  convolve_once(shape, weight.data(), nullptr, input, exact.data());
  convolve_once(shape, weight.data(), nullptr, input, words.data(), nullptr, true);
  double power = 0, error = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    power += double{exact[i]} * exact[i];
    error += std::pow(double{exact[i]} - words[i], 2);
  }
  return 10 * std::log10(power / error);
}

TEST(WordConvolution, KeepsSixtyDecibels) {
  if (!WordConvolution::serves({1, 1, 3, 1, {1, 1, 1, 1}}))
    GTEST_SKIP() << "this processor has no AVX-512 VNNI";
  const ImageSize size = {1, 24, 20};
  auto x = random_floats(size.pixels() * 96, 20);
  const auto weight = random_floats(96 * 48 * 9, 21, 0.03f);
  EXPECT_GT(word_snr_db(x, size, 96, 48, weight), 60);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += 3;  // far from zero mean
  EXPECT_GT(word_snr_db(x, size, 96, 48, weight), 60);
  for (std::size_t i = 0; i < x.size(); i += 96) x[i] *= 50;  // a channel beyond the others
  EXPECT_GT(word_snr_db(x, size, 96, 48, weight), 50);
}

TEST(WordConvolution, LongestRowsDoNotOverflow) {
  if (!WordConvolution::serves({1, 1, 3, 1, {1, 1, 1, 1}}))
    GTEST_SKIP() << "this processor has no AVX-512 VNNI";
  const ImageSize size = {1, 4, 4};
  const std::int64_t in = 2048;
  const Floats x(static_cast<std::size_t>(size.pixels() * in), 1e6f);
  const Floats weight(static_cast<std::size_t>(16 * in * 9), 1.0f);
  EXPECT_GT(word_snr_db(x, size, in, 16, weight), 50);
}

TEST(WordConvolution, WhatIsNoNumberStaysNone) {
  if (!WordConvolution::serves({1, 1, 3, 1, {1, 1, 1, 1}}))
    GTEST_SKIP() << "this processor has no AVX-512 VNNI";
  const ImageSize size = {1, 12, 12};
  const auto weight = random_floats(16 * 16 * 9, 22);
  for (const auto bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto x = random_floats(size.pixels() * 16, 23);
    x[5 * 16 + 3] = bad;  // pixel (0, 5)
    Floats out(x.size());
    convolve_once({16, 16, 3, 1, {1, 1, 1, 1}}, weight.data(), nullptr,
                  {.sources = {{{x.data(), 16}, {}}}, .size = size}, out.data(), nullptr, true);
    EXPECT_TRUE(std::isnan(out[5 * 16])) << bad;
    EXPECT_TRUE(std::isfinite(out[(11 * 12 + 11) * 16])) << bad;
  }
}

TEST(WordConvolution, NothingGivesTheBias) {
  const ImageSize size = {1, 5, 5};
  const Floats x(static_cast<std::size_t>(size.pixels() * 3)), weight(4 * 3 * 9);
  const Floats bias = {1, 2, 3, 4};
  Floats out(static_cast<std::size_t>(size.pixels() * 4), NAN);
  convolve_once({3, 4, 3, 1, {1, 1, 1, 1}}, weight.data(), bias.data(),
                {.sources = {{{x.data(), 3}, {}}}, .size = size}, out.data(), nullptr, true);
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], bias[i % 4]);
}

TEST(GroupNormScales, GiveTheNormAsTheConvolutionReads) {
  const std::int64_t batch = 2, pixels = 35;
  const auto a = random_floats(batch * pixels * 8, 8, 3), b = random_floats(batch * pixels * 4, 9);
  const auto weight = random_floats(12, 10), bias = random_floats(12, 11);
  const auto shift = random_floats(batch * 12, 12);
  const GroupNormTask task = {.sources = {{{a.data(), 8}, {b.data(), 4}}},
                              .batch = batch,
                              .pixels = pixels,
                              .shift = shift.data(),
                              .weight = weight.data(),
                              .bias = bias.data(),
                              .groups = 3,
                              .silu = true};
  Floats normed(static_cast<std::size_t>(batch * pixels * 12)), staged(normed.size());
  group_norm(task, normed.data());
  const auto scales = group_norm_scales(task);
  stage_all({.sources = task.sources,
             .size = {batch, 5, 7},
             .scale = scales.scale.data(),
             .shift = scales.shift.data(),
             .silu = true},
            staged.data());
  EXPECT_EQ(normed, staged);
}

TEST(ConvolvesOnce, WhereManyPixelsPayForTheWeights) {
  const auto shape = [](std::int64_t in, std::int64_t out, std::int64_t kernel = 3) {
    return ConvolutionShape{in, out, kernel, 1, {1, 1, 1, 1}};
  };
  EXPECT_TRUE(convolves_once(shape(512, 512), {1, 128, 128}));   // too large to keep
  EXPECT_TRUE(convolves_once(shape(128, 128), {1, 512, 512}));   // nothing to gain from keeping
  EXPECT_FALSE(convolves_once(shape(320, 320), {2, 64, 64}));    // kept
  EXPECT_FALSE(convolves_once(shape(1280, 1280), {2, 64, 64}));  // too large for the scratch memory
  EXPECT_FALSE(convolves_once(shape(512, 512), {1, 8, 8}));
  EXPECT_FALSE(convolves_once(shape(512, 512, 1), {1, 128, 128}));
}

TEST(PackedConvolution, PointwiseOverItsOwnInput) {
  for (const auto& [in, out, pixels] :
       {std::tuple{1, 1, 1}, {7, 3, 50}, {24, 24, 4097}, {20, 9, 9000}}) {
    SCOPED_TRACE(pixels);
    const auto weight = random_floats(in * out, 13), bias = random_floats(out, 14);
    auto x = random_floats(std::int64_t{pixels} * in, 15);
    Reals wanted;
    for (int p = 0; p < pixels; ++p)
      for (int o = 0; o < out; ++o) {
        double sum = bias[static_cast<std::size_t>(o)];
        for (int i = 0; i < in; ++i)
          sum += double{x[static_cast<std::size_t>(p * in + i)]} *
                 weight[static_cast<std::size_t>(o * in + i)];
        wanted.push_back(sum);
      }
    PackedConvolution layer({in, out, 1, 1, {}}, weight.data(), bias.data());
    ASSERT_TRUE(layer.run_in_place(x.data(), pixels));
    x.resize(wanted.size());
    expect_close(x, wanted, 1e-5);
  }
}

TEST(PackedConvolution, OnlySmallerPointwiseResultsFitTheirInput) {
  auto x = random_floats(4 * 9, 16);
  const auto weight = random_floats(4 * 8 * 9, 17);
  PackedConvolution larger({4, 8, 1, 1, {}}, weight.data(), nullptr);
  EXPECT_FALSE(larger.run_in_place(x.data(), 9));
  PackedConvolution wide({4, 4, 3, 1, {1, 1, 1, 1}}, weight.data(), nullptr);
  EXPECT_FALSE(wide.run_in_place(x.data(), 9));
}

}  // namespace
}  // namespace sumi
