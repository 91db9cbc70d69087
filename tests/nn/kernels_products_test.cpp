// Convolutions and linear layers, float32 and bytes, against loops in double over odd shapes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "nn/kernels/byte_layers.h"
#include "nn/kernels/byte_weights.h"
#include "nn/kernels/packed_convolution.h"
#include "nn/kernels/packed_linear.h"

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

double largest(const Reals& values) {
  double most = 0;
  for (const auto value : values) most = std::max(most, std::abs(value));
  return most;
}

void expect_close(const Floats& ours, const Reals& exact, double relative) {
  ASSERT_EQ(ours.size(), exact.size());
  const double allowed = relative * largest(exact);
  for (std::size_t i = 0; i < exact.size(); ++i)
    ASSERT_NEAR(ours[i], exact[i], allowed) << "element " << i;
}

double snr_db(const Floats& ours, const Reals& exact) {
  double signal = 0, noise = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    signal += exact[i] * exact[i];
    noise += (ours[i] - exact[i]) * (ours[i] - exact[i]);
  }
  return 10 * std::log10(signal / noise);
}

struct Layer {
  ConvolutionShape shape;
  ImageSize size;
};

/// x(sample, y, x, channel) gives the input inside of the picture.
template <class Input, class Weight>
Reals convolve(const Layer& layer, const Input& x, const Weight& weight, const Floats& bias) {
  const auto& [s, size] = layer;
  const auto to = s.output(size);
  Reals y;
  for (std::int64_t n = 0; n < to.batch; ++n)
    for (std::int64_t v = 0; v < to.height; ++v)
      for (std::int64_t u = 0; u < to.width; ++u)
        for (std::int64_t o = 0; o < s.out; ++o) {
          double sum = bias.empty() ? 0 : bias[static_cast<std::size_t>(o)];
          for (std::int64_t i = 0; i < s.kernel; ++i)
            for (std::int64_t j = 0; j < s.kernel; ++j) {
              const auto row = v * s.stride + i - s.padding.top;
              const auto column = u * s.stride + j - s.padding.left;
              if (row < 0 || row >= size.height || column < 0 || column >= size.width) continue;
              for (std::int64_t c = 0; c < s.in; ++c)
                sum += x(((n * size.height + row) * size.width + column) * s.in + c) *
                       weight(((o * s.in + c) * s.kernel + i) * s.kernel + j);
            }
          y.push_back(sum);
        }
  return y;
}

auto reading(const Floats& values) {
  return [&values](std::int64_t i) { return double{values[static_cast<std::size_t>(i)]}; };
}

Reals plus(Reals a, const Floats& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

const Layer kLayers[] = {
    {{3, 5, 3, 1}, {1, 1, 1}},
    {{4, 20, 3, 1}, {3, 7, 4}},
    {{33, 17, 3, 1}, {2, 5, 9}},
    {{16, 32, 3, 1}, {1, 8, 8}},
    {{7, 7, 3, 2}, {3, 8, 5}},
    {{20, 3, 3, 2, {0, 0, 1, 1}}, {1, 9, 6}},
    {{5, 6, 1, 1, {}}, {3, 2, 7}},
    {{40, 24, 1, 1, {}}, {1, 1, 1}},
    {{6, 8, 5, 1, {2, 2, 2, 2}}, {2, 6, 3}},
    {{3, 4, 1, 2, {}}, {1, 5, 5}},
};

class Convolutions : public testing::TestWithParam<Layer> {
 protected:
  void SetUp() override {
    const auto& [s, size] = GetParam();
    const auto fan = s.in * s.kernel * s.kernel;
    x_ = random_floats(size.pixels() * s.in, 1);
    weight_ = random_floats(s.out * fan, 2, 1 / std::sqrt(static_cast<float>(fan)));
    bias_ = random_floats(s.out, 3);
    residual_ = random_floats(s.output(size).pixels() * s.out, 4);
  }
  Reals exact(const Floats& bias) const {
    return convolve(GetParam(), reading(x_), reading(weight_), bias);
  }
  void expect_all_forms(const PackedConvolution::Options& options) {
    const auto& [s, size] = GetParam();
    PackedConvolution layer(s, weight_.data(), bias_.data(), options);
    Floats out(residual_.size(), NAN);
    ASSERT_TRUE(layer.run(x_.data(), size, out.data()));
    expect_close(out, exact(bias_), 1e-5);
    ASSERT_TRUE(layer.run(x_.data(), size, out.data(), residual_.data()));
    expect_close(out, plus(exact(bias_), residual_), 1e-5);
    out = residual_;
    ASSERT_TRUE(layer.run(x_.data(), size, out.data(), out.data()));
    expect_close(out, plus(exact(bias_), residual_), 1e-5);
    PackedConvolution unbiased(s, weight_.data(), nullptr, options);
    ASSERT_TRUE(unbiased.run(x_.data(), size, out.data()));
    expect_close(out, exact({}), 1e-5);
  }
  /// The input as bytes with the border the layer wants.
  ByteImage image() {
    const auto& [s, size] = GetParam();
    ByteImage image = {nullptr, size.batch, size.height, size.width, s.in, s.padding};
    bytes_.resize(static_cast<std::size_t>(image.size()));
    image.data = bytes_.data();
    return image;
  }
  Floats x_, weight_, bias_, residual_;
  std::vector<std::uint8_t> bytes_;
};

INSTANTIATE_TEST_SUITE_P(OddShapes, Convolutions, testing::ValuesIn(kLayers));

TEST_P(Convolutions, Direct) { expect_all_forms({.large_tiles = 0, .small_tiles = 0}); }
TEST_P(Convolutions, SmallTiles) { expect_all_forms({.large_tiles = 0}); }
TEST_P(Convolutions, LargeTiles) { expect_all_forms({}); }

TEST_P(Convolutions, BytesEqualTheIntegerArithmetic) {
  if (!multiplies_bytes()) GTEST_SKIP() << "needs AVX-512 VNNI";
  const auto& [s, size] = GetParam();
  const auto picture = image();
  const auto q = quantise(x_.data(), picture);
  const auto weights = quantise_weights(weight_.data(), s.out, s.in * s.kernel * s.kernel);
  const auto inner = s.in * s.kernel * s.kernel;
  const auto exact_bytes = [&](std::int64_t i) {
    const auto pixel = i / s.in;
    const auto n = pixel / (size.height * size.width);
    const auto* at = picture.pixel(n, pixel / size.width % size.height, pixel % size.width);
    return double{q.scale} * (at[i % s.in] - q.zero_point);
  };
  const auto exact_weight = [&](std::int64_t i) {
    return double{weights.scale[static_cast<std::size_t>(i / inner)]} *
           weights.values[static_cast<std::size_t>(i)];
  };
  const auto exact_sums = convolve(GetParam(), exact_bytes, exact_weight, bias_);
  ByteConvolution layer(s, weight_.data(), bias_.data());
  Floats out(residual_.size(), NAN);
  ASSERT_TRUE(layer.run(picture, q, out.data()));
  expect_close(out, exact_sums, 2e-6);
  ASSERT_TRUE(layer.run(picture, q, out.data(), residual_.data()));
  expect_close(out, plus(exact_sums, residual_), 2e-6);
  // The same layer with another scale and zero point; here the rounding of x shows.
  auto moved = x_;
  for (auto& value : moved) value = 3 * value + 1;
  const auto other = quantise(moved.data(), picture);
  ASSERT_NE(other.zero_point, q.zero_point);
  ASSERT_TRUE(layer.run(picture, other, out.data()));
  const auto again = convolve(GetParam(), reading(moved), exact_weight, bias_);
  expect_close(out, again, 0.02);
}

TEST(ByteConvolution, KeepsThirtyFiveDecibels) {
  if (!multiplies_bytes()) GTEST_SKIP() << "needs AVX-512 VNNI";
  const Layer layer = {{48, 40, 3, 1}, {2, 12, 10}};
  const auto& [s, size] = layer;
  const auto x = random_floats(size.pixels() * s.in, 5), bias = random_floats(s.out, 6, 0.1f);
  const auto weight = random_floats(s.out * s.in * 9, 7, 0.05f);
  ByteImage picture = {nullptr, size.batch, size.height, size.width, s.in, s.padding};
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(picture.size()));
  picture.data = bytes.data();
  const auto q = quantise(x.data(), picture);
  ByteConvolution convolution(s, weight.data(), bias.data());
  Floats out(static_cast<std::size_t>(size.pixels() * s.out));
  ASSERT_TRUE(convolution.run(picture, q, out.data()));
  EXPECT_GE(snr_db(out, convolve(layer, reading(x), reading(weight), bias)), 35);
  EXPECT_GE(convolution.weight_snr_db(), 35);
  EXPECT_GE(convolution.bytes(), weight.size());
}

struct LinearCase {
  std::int64_t rows, in, out;
};

const LinearCase kLinears[] = {{1, 1, 1}, {3, 5, 7}, {17, 33, 16}, {64, 48, 160}, {2, 320, 40}};

Reals multiply(const LinearCase& c, const Floats& x, const Floats& weight, const Floats& bias) {
  return convolve({{c.in, c.out, 1, 1, {}}, {1, c.rows, 1}}, reading(x), reading(weight), bias);
}

TEST(PackedLinear, EqualsTheProductWithBiasResidualAndActivation) {
  for (const auto& c : kLinears) {
    SCOPED_TRACE(c.out);
    const auto x = random_floats(c.rows * c.in, 8), bias = random_floats(c.out, 9);
    const auto weight = random_floats(c.in * c.out, 10, 1 / std::sqrt(static_cast<float>(c.in)));
    const auto residual = random_floats(c.rows * c.out, 11);
    const auto exact = multiply(c, x, weight, bias);
    for (const auto activation : {Activation::none, Activation::silu, Activation::gelu}) {
      PackedLinear layer(c.in, c.out, weight.data(), bias.data(), activation);
      auto wanted = exact;
      for (auto& y : wanted)
        if (activation == Activation::silu)
          y = y / (1 + std::exp(-y));
        else if (activation == Activation::gelu)
          y = 0.5 * y * std::erfc(-y / std::sqrt(2.0));
      Floats out(wanted.size(), NAN);
      ASSERT_TRUE(layer.run(x.data(), c.rows, out.data()));
      expect_close(out, wanted, 1e-5);
      ASSERT_TRUE(layer.run(x.data(), c.rows, out.data(), residual.data()));
      expect_close(out, plus(wanted, residual), 1e-5);
    }
  }
}

TEST(PackedLinear, ServesManyNumbersOfRowsInTurn) {
  const auto weight = random_floats(24 * 40, 12);
  PackedLinear layer(24, 40, weight.data(), nullptr);
  for (int round = 0; round < 2; ++round)
    for (std::int64_t rows = 1; rows < 14; ++rows) {
      const auto x = random_floats(rows * 24, static_cast<unsigned>(rows));
      Floats out(static_cast<std::size_t>(rows * 40));
      ASSERT_TRUE(layer.run(x.data(), rows, out.data()));
      expect_close(out, multiply({rows, 24, 40}, x, weight, {}), 1e-5);
    }
}

TEST(ByteLinear, EqualsTheIntegerArithmeticAndKeepsThirtyFiveDecibels) {
  if (!multiplies_bytes()) GTEST_SKIP() << "needs AVX-512 VNNI";
  for (const auto& c : kLinears) {
    SCOPED_TRACE(c.out);
    const auto x = random_floats(c.rows * c.in, 13), bias = random_floats(c.out, 14);
    const auto weight = random_floats(c.in * c.out, 15, 1 / std::sqrt(static_cast<float>(c.in)));
    const auto residual = random_floats(c.rows * c.out, 16);
    std::vector<std::uint8_t> bytes(x.size());
    const auto q = quantise(x.data(), c.rows, c.in, bytes.data());
    const auto weights = quantise_weights(weight.data(), c.out, c.in);
    Floats rounded_x, rounded_weight;
    for (const auto byte : bytes)
      rounded_x.push_back(q.scale * static_cast<float>(byte - q.zero_point));
    for (std::size_t i = 0; i < weight.size(); ++i)
      rounded_weight.push_back(weights.scale[i / static_cast<std::size_t>(c.in)] *
                               static_cast<float>(weights.values[i]));
    const auto exact = multiply(c, rounded_x, rounded_weight, bias);
    ByteLinear layer(c.in, c.out, weight.data(), bias.data());
    Floats out(exact.size(), NAN);
    ASSERT_TRUE(layer.run(bytes.data(), q, c.rows, out.data()));
    expect_close(out, exact, 2e-6);
    if (c.rows * c.out > 100) {
      EXPECT_GE(snr_db(out, multiply(c, x, weight, bias)), 35);
    }
    ASSERT_TRUE(layer.run(bytes.data(), q, c.rows, out.data(), residual.data()));
    expect_close(out, plus(exact, residual), 2e-6);
  }
}

TEST(ByteWeights, HaveTheirScalesSumsAndNoise) {
  const Floats weight = {127, -64, 1, 0.5f, 0, -0.25f, 0, 0, 0};
  const auto bytes = quantise_weights(weight.data(), 3, 3);
  EXPECT_EQ(bytes.values, (std::vector<std::int8_t>{127, -64, 1, 127, 0, -64, 0, 0, 0}));
  EXPECT_EQ(bytes.sum, (std::vector<std::int32_t>{64, 63, 0}));
  EXPECT_FLOAT_EQ(bytes.scale[0], 1);
  EXPECT_FLOAT_EQ(bytes.scale[1], 0.5f / 127);
  EXPECT_GT(bytes.snr_db, 60);
}

}  // namespace
}  // namespace sumi
