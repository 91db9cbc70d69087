// The loops of the way back: every instruction set's against plain arithmetic in double.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "nn/kernels/training_loops.h"

namespace sumi {
namespace {

constexpr std::int64_t kWidths[] = {1, 3, 16, 37, 96};
constexpr std::int64_t kRows = 7;

std::vector<const TrainingLoops*> versions() {
  std::vector<const TrainingLoops*> all;
  for (const auto* one :
       {portable_training_loops(), avx2_training_loops(), avx512_training_loops()})
    if (one) all.push_back(one);
  return all;
}

std::vector<float> noise(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (auto& value : values) value = normal(random);
  return values;
}

float float_of(Bf16 x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16); }

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

TEST(TrainingLoops, RoundToTheNearestBfloat16) {
  const std::vector<float> x = {1.0f,  1.00390625f, 1.01171875f, -3.14159f, 0.0f,  1e-30f,
                                3e38f, 0.1f,        1.0039073f,  -2.5f,     1e20f, 7.0f,
                                8.5f,  -0.3f,       12345.678f,  0.007f,    0.5f};
  // Ties go to the even one: 1 + 1/256 to 1, 1 + 3/256 to 1 + 4/256.
  for (const auto* loops : versions()) {
    std::vector<Bf16> made(x.size());
    loops->to_bf16(x.data(), static_cast<std::int64_t>(x.size()), made.data());
    EXPECT_EQ(float_of(made[1]), 1.0f);
    EXPECT_EQ(float_of(made[2]), 1.015625f);
    EXPECT_EQ(float_of(made[8]), 1.0078125f);
    for (std::size_t i = 0; i < x.size(); ++i)
      EXPECT_NEAR(float_of(made[i]), x[i], std::abs(x[i]) / 256) << i;
    const float none = std::nanf("");
    loops->to_bf16(&none, 1, made.data());
    EXPECT_TRUE(std::isnan(float_of(made[0])));
  }
}

TEST(TrainingLoops, SumColumnsOnTopOfWhatIsThere) {
  for (const auto* loops : versions())
    for (const auto width : kWidths) {
      const auto x = noise(kRows * width, 1);
      std::vector<float> sum(static_cast<std::size_t>(width), 5.0f);
      std::vector<Bf16> rounded(x.size());
      loops->column_sums(x.data(), kRows, width, rounded.data(), sum.data());
      for (std::int64_t c = 0; c < width; ++c) {
        double exact = 5;
        for (std::int64_t row = 0; row < kRows; ++row)
          exact += x[static_cast<std::size_t>(row * width + c)];
        EXPECT_NEAR(sum[static_cast<std::size_t>(c)], exact, 1e-5);
      }
      for (std::size_t i = 0; i < x.size(); ++i)
        EXPECT_NEAR(float_of(rounded[i]), x[i], std::abs(x[i]) / 256);
    }
}

TEST(TrainingLoops, NormsAndTheirSlopesAreThoseOfTheFormula) {
  for (const auto* loops : versions())
    for (const auto width : kWidths)
      for (const bool silu : {false, true}) {
        const auto x = noise(kRows * width, 2), scale = noise(width, 3), shift = noise(width, 4);
        const auto weight = noise(width, 5), bias = noise(width, 6), out = noise(kRows * width, 7);
        const NormChannels norm = {scale.data(), shift.data(), weight.data(), bias.data(), silu};
        std::vector<float> made(x.size()), slope = out;
        std::vector<Bf16> rounded(x.size());
        std::vector<float> sum(scale.size()), product(scale.size());
        loops->norm_rows(x.data(), kRows, width, norm, made.data());
        loops->norm_rows_to_bf16(x.data(), kRows, width, norm, rounded.data());
        loops->norm_slopes(x.data(), kRows, width, norm, slope.data(), sum.data(), product.data());
        std::vector<double> sums(scale.size()), products(scale.size());
        for (std::size_t i = 0; i < x.size(); ++i) {
          const std::size_t c = i % scale.size();
          const double normed = double{x[i]} * scale[c] + shift[c];
          const double y = normed * weight[c] + bias[c], gate = sigmoid(y);
          const double exact = silu ? y * gate : y;
          const double by = silu ? gate * (1 + y * (1 - gate)) : 1;
          EXPECT_NEAR(made[i], exact, 1e-5 * (1 + std::abs(exact)));
          EXPECT_NEAR(float_of(rounded[i]), exact, (1e-4 + std::abs(exact)) / 250);
          EXPECT_NEAR(slope[i], out[i] * by, 1e-5 * (1 + std::abs(out[i])));
          sums[c] += out[i] * by;
          products[c] += out[i] * by * normed;
        }
        for (std::size_t c = 0; c < sums.size(); ++c) {
          EXPECT_NEAR(sum[c], sums[c], 1e-4);
          EXPECT_NEAR(product[c], products[c], 1e-4);
        }
      }
}

TEST(TrainingLoops, SoftmaxOfColumnsAndItsGradient) {
  for (const auto* loops : versions())
    for (const auto width : kWidths) {
      auto weights = noise(kRows * width, 8);
      const auto scores = weights;
      const auto gradient = noise(kRows * width, 9);
      auto made = gradient;
      loops->softmax_columns(weights.data(), kRows, width);
      loops->softmax_gradient(weights.data(), made.data(), kRows, width);
      for (std::int64_t c = 0; c < width; ++c) {
        double total = 0, level = 0;
        const auto at = [&](std::int64_t row) { return static_cast<std::size_t>(row * width + c); };
        for (std::int64_t row = 0; row < kRows; ++row) total += std::exp(double{scores[at(row)]});
        for (std::int64_t row = 0; row < kRows; ++row)
          level += std::exp(double{scores[at(row)]}) / total * gradient[at(row)];
        for (std::int64_t row = 0; row < kRows; ++row) {
          const double weight = std::exp(double{scores[at(row)]}) / total;
          EXPECT_NEAR(weights[at(row)], weight, 1e-6);
          EXPECT_NEAR(made[at(row)], weight * (gradient[at(row)] - level), 1e-5);
        }
      }
    }
}

}  // namespace
}  // namespace sumi
