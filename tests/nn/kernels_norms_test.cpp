// Norms and elementwise kernels against the same written out in double, over odd shapes.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "nn/kernels/norms.h"

namespace sumi {
namespace {

using Reals = std::vector<double>;

std::vector<float> random_floats(std::int64_t count, unsigned seed, float mean = 0,
                                 float deviation = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(mean, deviation);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (auto& value : values) value = normal(generator);
  return values;
}

double silu(double x) { return x / (1 + std::exp(-x)); }
double gelu(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }

struct Moments {
  double mean, deviation;
};

Moments moments_of(const Reals& values, double epsilon) {
  double mean = 0, variance = 0;
  for (const auto value : values) mean += value / static_cast<double>(values.size());
  for (const auto value : values)
    variance += (value - mean) * (value - mean) / static_cast<double>(values.size());
  return {mean, std::sqrt(variance + epsilon)};
}

/// A GroupNorm over one or two sources, with everything it points to.
struct GroupNormCase {
  std::int64_t batch, height, width, first, second, groups;
  bool silu, shifted;
  float mean = 0.5f;

  std::int64_t channels() const { return first + second; }
  std::int64_t pixels() const { return height * width; }
};

const GroupNormCase kCases[] = {
    {1, 1, 1, 4, 0, 2, false, false},    {2, 3, 5, 32, 0, 32, true, false},
    {3, 7, 4, 33, 0, 3, true, true},     {1, 9, 11, 20, 15, 5, true, true},
    {2, 8, 8, 64, 32, 32, false, true},  {1, 1, 200, 7, 0, 1, true, false},
    {2, 20, 17, 40, 24, 32, true, true}, {1, 16, 16, 48, 0, 16, true, false, 1000.0f},
};

class GroupNormKernel : public testing::TestWithParam<GroupNormCase> {
 protected:
  void SetUp() override {
    const auto& c = GetParam();
    first_ = random_floats(c.batch * c.pixels() * c.first, 1, c.mean);
    second_ = random_floats(c.batch * c.pixels() * c.second, 2, c.mean, 3);
    shift_ = random_floats(c.batch * c.channels(), 3);
    weight_ = random_floats(c.channels(), 4);
    bias_ = random_floats(c.channels(), 5);
  }
  GroupNormTask task() const {
    const auto& c = GetParam();
    return {.sources = {{{first_.data(), c.first}, {second_.data(), c.second}}},
            .batch = c.batch,
            .pixels = c.pixels(),
            .shift = c.shifted ? shift_.data() : nullptr,
            .weight = weight_.data(),
            .bias = bias_.data(),
            .groups = c.groups,
            .epsilon = 1e-5,
            .silu = c.silu};
  }
  double input(std::int64_t sample, std::int64_t pixel, std::int64_t channel) const {
    const auto& c = GetParam();
    const auto row = sample * c.pixels() + pixel;
    const double x = channel < c.first
                         ? first_[static_cast<std::size_t>(row * c.first + channel)]
                         : second_[static_cast<std::size_t>(row * c.second + channel - c.first)];
    const auto at = static_cast<std::size_t>(sample * c.channels() + channel);
    return c.shifted ? x + shift_[at] : x;
  }
  /// [batch, pixels, channels]
  Reals expected() const {
    const auto& c = GetParam();
    const auto wide = c.channels() / c.groups;
    Reals y(static_cast<std::size_t>(c.batch * c.pixels() * c.channels()));
    for (std::int64_t n = 0; n < c.batch; ++n)
      for (std::int64_t g = 0; g < c.groups; ++g) {
        Reals group;
        for (std::int64_t p = 0; p < c.pixels(); ++p)
          for (auto k = g * wide; k < (g + 1) * wide; ++k) group.push_back(input(n, p, k));
        const auto moments = moments_of(group, 1e-5);
        for (std::int64_t p = 0; p < c.pixels(); ++p)
          for (auto k = g * wide; k < (g + 1) * wide; ++k) {
            const auto at = static_cast<std::size_t>(k);
            const auto value =
                (input(n, p, k) - moments.mean) / moments.deviation * weight_[at] + bias_[at];
            y[static_cast<std::size_t>((n * c.pixels() + p) * c.channels() + k)] =
                c.silu ? silu(value) : value;
          }
      }
    return y;
  }
  std::vector<float> first_, second_, shift_, weight_, bias_;
};

INSTANTIATE_TEST_SUITE_P(OddShapes, GroupNormKernel, testing::ValuesIn(kCases));

double largest(const Reals& values) {
  double most = 0;
  for (const auto value : values) most = std::max(most, std::abs(value));
  return most;
}

TEST_P(GroupNormKernel, EqualsTheDefinition) {
  const auto y = expected();
  std::vector<float> out(y.size(), NAN);
  group_norm(task(), out.data());
  // An offset of 1000 leaves the input itself only 6e-5 of a deviation exact.
  const double allowed = GetParam().mean > 100 ? 2e-4 : 1e-5;
  for (std::size_t i = 0; i < y.size(); ++i)
    ASSERT_NEAR(out[i], y[i], allowed * largest(y)) << "element " << i;
}

TEST_P(GroupNormKernel, BytesAreWithinHalfALevelAndTheBorderIsZero) {
  const auto& c = GetParam();
  const auto y = expected();
  ByteImage image = {.batch = c.batch,
                     .height = c.height,
                     .width = c.width,
                     .channels = c.channels(),
                     .border = {.top = 1, .left = 2, .bottom = 3, .right = 1}};
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(image.size()), 77);
  image.data = bytes.data();
  const auto q = group_norm_to_bytes(task(), image);
  const auto full_width = image.full_width(), full_height = image.full_height();
  for (std::int64_t n = 0; n < c.batch; ++n)
    for (std::int64_t v = 0; v < full_height; ++v)
      for (std::int64_t u = 0; u < full_width; ++u)
        for (std::int64_t k = 0; k < c.channels(); ++k) {
          const auto row = v - image.border.top, column = u - image.border.left;
          const bool inside = row >= 0 && row < c.height && column >= 0 && column < c.width;
          const auto at = ((n * c.height + row) * c.width + column) * c.channels() + k;
          const double wanted = inside ? y[static_cast<std::size_t>(at)] : 0;
          const auto byte = bytes[static_cast<std::size_t>(
              ((n * full_height + v) * full_width + u) * c.channels() + k)];
          const double value = double{q.scale} * (byte - q.zero_point);
          const double allowed = inside ? (c.mean > 100 ? 0.53 : 0.502) * q.scale : 0;
          ASSERT_NEAR(value, wanted, allowed) << n << ' ' << v << ' ' << u << ' ' << k;
        }
}

TEST_P(GroupNormKernel, TheScaleIsAsFineAsTheValuesAllow) {
  const auto& c = GetParam();
  const auto y = expected();
  double low = 0, high = 0;
  for (const auto value : y) low = std::min(low, value), high = std::max(high, value);
  std::vector<std::uint8_t> bytes(y.size());
  const auto q =
      group_norm_to_bytes(task(), {bytes.data(), c.batch, c.height, c.width, c.channels()});
  // SiLU's own minimum counts once its place was passed, even where no pixel sits in it.
  const double slack = c.silu ? 0.28 : 0;
  EXPECT_GE(q.scale * 255, (high - low) * (1 - 1e-3));
  EXPECT_LE(q.scale * 255, (high - low + slack) * (1 + 1e-3) + 1e-6);
}

TEST(LayerNormKernel, EqualsTheDefinitionAndItsBytes) {
  for (const auto& [rows, width] : {std::pair{1, 1}, {3, 5}, {7, 16}, {40, 33}, {2, 320}}) {
    auto x = random_floats(rows * width, 6, 3, 2);
    const auto weight = random_floats(width, 7), bias = random_floats(width, 8);
    Reals y;
    for (int row = 0; row < rows; ++row) {
      const auto moments =
          moments_of(Reals(x.begin() + row * width, x.begin() + (row + 1) * width), 1e-5);
      for (int c = 0; c < width; ++c) {
        const auto at = static_cast<std::size_t>(c);
        y.push_back((x[static_cast<std::size_t>(row * width + c)] - moments.mean) /
                        moments.deviation * weight[at] +
                    bias[at]);
      }
    }
    const LayerNormTask task = {x.data(), rows, width, weight.data(), bias.data()};
    std::vector<std::uint8_t> bytes(y.size());
    const auto q = layer_norm_to_bytes(task, bytes.data());
    layer_norm(task, x.data());
    for (std::size_t i = 0; i < y.size(); ++i) {
      ASSERT_NEAR(x[i], y[i], 1e-5 * largest(y));
      ASSERT_NEAR(double{q.scale} * (bytes[i] - q.zero_point), y[i], 0.502 * q.scale);
    }
  }
}

TEST(GegluKernel, EqualsTheExactGelu) {
  for (const auto& [rows, width] : {std::pair{1, 1}, {3, 17}, {35, 16}, {2, 50}}) {
    auto x = random_floats(rows * width * 2, 9, 0, 3);
    std::vector<float> out(static_cast<std::size_t>(rows * width));
    geglu(x.data(), rows, width, out.data());
    Reals y;
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row)
      for (std::size_t c = 0; c < static_cast<std::size_t>(width); ++c) {
        const auto at = row * 2 * static_cast<std::size_t>(width) + c;
        y.push_back(x[at] * gelu(x[at + static_cast<std::size_t>(width)]));
      }
    for (std::size_t i = 0; i < y.size(); ++i)
      ASSERT_NEAR(out[i], y[i], 1e-6 * std::max(1.0, largest(y)));
    std::vector<std::uint8_t> bytes(y.size());
    const auto q = geglu_to_bytes(x.data(), rows, width, bytes.data());
    for (std::size_t i = 0; i < y.size(); ++i)
      ASSERT_NEAR(double{q.scale} * (bytes[i] - q.zero_point), y[i], 0.502 * q.scale);
  }
}

TEST(GegluKernel, GeluIsExactToAMillionthEverywhere) {
  std::vector<float> x;
  for (double b = -12; b <= 12; b += 0.003) x.insert(x.end(), {1.0f, static_cast<float>(b)});
  std::vector<float> out(x.size() / 2);
  geglu(x.data(), static_cast<std::int64_t>(out.size()), 1, out.data());
  for (std::size_t i = 0; i < out.size(); ++i)
    ASSERT_NEAR(out[i], gelu(x[2 * i + 1]), 1e-6) << x[2 * i + 1];
}

TEST(Quantise, CoversTheRangeAndKeepsZero) {
  for (const auto& [mean, rows, width] :
       {std::tuple{0.0f, 1, 1}, {5.0f, 3, 7}, {-5.0f, 50, 700}, {0.0f, 40000, 1}}) {
    const auto x = random_floats(rows * width, 10, mean);
    std::vector<std::uint8_t> bytes(x.size());
    const auto q = quantise(x.data(), rows, width, bytes.data());
    ASSERT_GE(q.zero_point, 0);
    ASSERT_LE(q.zero_point, 255);
    for (std::size_t i = 0; i < x.size(); ++i)
      ASSERT_NEAR(q.scale * static_cast<float>(bytes[i] - q.zero_point), x[i], 0.502 * q.scale);
  }
}

TEST(Quantise, AllZerosStayZero) {
  const std::vector<float> x(20, 0.0f);
  std::vector<std::uint8_t> bytes(20, 9);
  const auto q = quantise(x.data(), 4, 5, bytes.data());
  for (const auto byte : bytes) EXPECT_EQ(byte, q.zero_point);
}

TEST(QuantiseEnlarged, TakesTheNearestPixel) {
  struct Case {
    std::int64_t batch, height, width, channels, out_height, out_width;
  };
  for (const auto& c : {Case{1, 1, 1, 1, 2, 2}, Case{2, 3, 5, 17, 6, 10}, Case{3, 4, 3, 8, 7, 5},
                        Case{1, 2, 2, 3, 4, 3}}) {
    const auto x = random_floats(c.batch * c.height * c.width * c.channels, 11);
    ByteImage image = {nullptr,     c.batch,    c.out_height,
                       c.out_width, c.channels, {.top = 1, .left = 1, .bottom = 0, .right = 2}};
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(image.size()));
    image.data = bytes.data();
    const auto q = quantise_enlarged(x.data(), c.height, c.width, image);
    for (std::int64_t n = 0; n < c.batch; ++n)
      for (std::int64_t v = 0; v < c.out_height; ++v)
        for (std::int64_t u = 0; u < c.out_width; ++u)
          for (std::int64_t k = 0; k < c.channels; ++k) {
            const auto y0 = v * c.height / c.out_height, x0 = u * c.width / c.out_width;
            const auto from = ((n * c.height + y0) * c.width + x0) * c.channels + k;
            const double wanted = x[static_cast<std::size_t>(from)];
            ASSERT_NEAR(double{q.scale} * (image.pixel(n, v, u)[k] - q.zero_point), wanted,
                        0.502 * q.scale);
          }
    EXPECT_EQ(bytes[0], q.zero_point);
  }
}

}  // namespace
}  // namespace sumi
