// Layers as inference runs them, on weights laid out for the processor, against LibTorch's calls.

#include "nn/prepared.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/processor.h"
#include "nn/fused.h"
#include "nn/kernels/byte_layers.h"
#include "nn/trace.h"

namespace sumi {
namespace {

double relative_gap(const Tensor& a, const Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

double snr_db(const Tensor& exact, const Tensor& other) {
  return 10 * std::log10(exact.square().sum().item<double>() /
                         (exact - other).square().sum().item<double>());
}

template <class Layer>
Layer initialised(Layer layer) {
  initialise(layer, 3);
  return layer;
}

/// Where gradients may be asked for, layers are LibTorch's calls.
template <class Work>
Tensor by_libtorch(const Work& work) {
  const c10::AutoGradMode with_gradients(true);
  return work();
}

struct ConvolutionCase {
  std::int64_t in, out, kernel, stride, padding, batch, height, width;
};

const ConvolutionCase kConvolutions[] = {
    {3, 5, 3, 1, 1, 1, 7, 9}, {17, 31, 3, 2, 1, 3, 8, 5},    {33, 2, 1, 1, 0, 2, 3, 11},
    {1, 1, 1, 1, 0, 1, 1, 1}, {64, 48, 3, 1, 1, 2, 16, 16},  {32, 32, 3, 1, 1, 1, 1, 1},
    {4, 6, 3, 2, 0, 2, 9, 9}, {130, 70, 3, 1, 1, 1, 13, 30},
};

TEST(Prepared, ConvolutionsEqualLibTorch) {
  const torch::NoGradGuard no_grad;
  for (const auto& c : kConvolutions) {
    const auto layer = initialised(
        Conv2d(c.in, c.out, {.kernel = c.kernel, .stride = c.stride, .padding = c.padding}));
    const auto x = at::randn({c.batch, c.in, c.height, c.width});
    const auto expected = by_libtorch([&] { return layer.forward(x); });
    EXPECT_LT(relative_gap(layer.forward(x), expected), 3e-5) << c.in << " -> " << c.out;
    const auto residual = at::randn(expected.sizes());
    EXPECT_LT(relative_gap(layer.forward(x, residual), expected + residual), 3e-5);
  }
}

TEST(Prepared, LinearLayersEqualLibTorch) {
  const torch::NoGradGuard no_grad;
  for (const auto& [in, out, rows] :
       {std::array<std::int64_t, 3>{7, 5, 1}, {320, 960, 77}, {33, 17, 130}, {1, 1, 2}})
    for (const bool bias : {true, false}) {
      const auto layer = initialised(Linear(in, out, {.bias = bias}));
      const auto x = at::randn({2, rows, in});
      const auto expected = by_libtorch([&] { return layer.forward(x); });
      EXPECT_LT(relative_gap(layer.forward(x), expected), 1e-5) << in << " -> " << out;
      const auto residual = at::randn(expected.sizes());
      EXPECT_LT(relative_gap(layer.forward(x, residual), expected + residual), 1e-5);
    }
}

TEST(Prepared, ExchangedWeightsAreLaidOutAnew) {
  const torch::NoGradGuard no_grad;
  auto layer = initialised(Linear(16, 8));
  const auto x = at::randn({4, 16});
  layer.forward(x);
  auto* weight = layer.parameters().front().second;
  weight->mul_(2);  // in place: the same memory, another version
  EXPECT_LT(relative_gap(layer.forward(x), by_libtorch([&] { return layer.forward(x); })), 1e-5);
  *weight = at::randn({8, 16});
  EXPECT_LT(relative_gap(layer.forward(x), by_libtorch([&] { return layer.forward(x); })), 1e-5);
}

TEST(Prepared, WeightsStayInTheTypeOfTheFile) {
  const torch::NoGradGuard no_grad;
  const StateDict state = {{"weight", at::randn({12, 6, 3, 3}).to(torch::kHalf)},
                           {"bias", at::randn({12}).to(torch::kHalf)}};
  Conv2d stored(6, 12), converted(6, 12);
  bind(stored, state, "a file", torch::kFloat, torch::kCPU, Storage::as_stored);
  bind(converted, state, "a file");
  EXPECT_EQ(stored.parameters()[0].second->scalar_type(), torch::kHalf);
  EXPECT_EQ(stored.parameters()[1].second->scalar_type(), torch::kFloat);
  const auto x = at::randn({1, 6, 5, 8});
  EXPECT_LT(relative_gap(stored.forward(x), converted.forward(x)), 1e-6);
  EXPECT_LT(relative_gap(by_libtorch([&] { return stored.forward(x); }), converted.forward(x)),
            1e-5);
}

TEST(Prepared, NotANumberIsFoundInSixteenBits) {
  for (const auto type : {torch::kHalf, torch::kBFloat16}) {
    auto weight = at::randn({4, 5}).to(type);
    EXPECT_TRUE(all_finite(weight));
    weight[3][4] = std::nan("");
    EXPECT_FALSE(all_finite(weight));
    weight[3][4] = INFINITY;
    EXPECT_FALSE(all_finite(weight));
  }
}

class PreparedInt8 : public testing::Test {
 protected:
  void SetUp() override {
    if (!multiplies_bytes()) GTEST_SKIP() << "no exact products of bytes here";
  }
  const torch::NoGradGuard no_grad;
};

TEST_F(PreparedInt8, ConvolutionsAndLinearLayersKeepTheirSignal) {
  for (const auto& c : kConvolutions) {
    auto layer = initialised(
        Conv2d(c.in, c.out, {.kernel = c.kernel, .stride = c.stride, .padding = c.padding}));
    set_precision(layer, Precision::int8);
    const auto x = at::silu(at::randn({c.batch, c.in, c.height, c.width}));
    const auto expected = by_libtorch([&] { return layer.forward(x); });
    const auto first = layer.forward(x), second = layer.forward(x);
    EXPECT_GT(snr_db(expected, first), kLowestInt8Snr_db) << c.in << " -> " << c.out;
    EXPECT_GT(snr_db(expected, second), kLowestInt8Snr_db) << c.in << " -> " << c.out;
  }
  auto layer = initialised(Linear(320, 640));
  set_precision(layer, Precision::int8);
  const auto x = at::randn({2, 50, 320});
  const auto expected = by_libtorch([&] { return layer.forward(x); });
  const auto residual = at::randn(expected.sizes());
  EXPECT_GT(snr_db(expected, layer.forward(x)), 30);
  EXPECT_TRUE(layer.takes_bytes());
  EXPECT_GT(snr_db(expected + residual, layer.forward(x, residual)), 30);
}

TEST_F(PreparedInt8, ALayerThatLosesTooMuchStaysInFloat) {
  auto layer = initialised(Linear(64, 64));
  set_precision(layer, Precision::int8);
  auto x = at::randn({1, 40, 64});
  x[0][0][0] = 1e5;  // one outlier takes all of the levels
  x[0][0].narrow(0, 1, 63).zero_();
  auto weight = *layer.parameters().front().second;
  weight.narrow(1, 0, 1).zero_();  // and does not count
  const auto expected = by_libtorch([&] { return layer.forward(x); });
  layer.forward(x);
  EXPECT_FALSE(layer.takes_bytes());
  EXPECT_LT(relative_gap(layer.forward(x), expected), 1e-5);
}

TEST_F(PreparedInt8, APictureDoesNotDependOnItsBatch) {
  auto norm = initialised(GroupNorm(8, 64, 1e-5));
  auto layer = initialised(Conv2d(64, 32));
  set_precision(layer, Precision::int8);
  auto x = at::randn({3, 64, 12, 10});
  x[1].mul_(100);
  layer.forward(x);
  const auto together = convolve_normed(norm, layer, x);
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(
        at::equal(together.narrow(0, i, 1), convolve_normed(norm, layer, x.narrow(0, i, 1))));
}

TEST_F(PreparedInt8, FusedNormsFeedTheSameBytesAsSeparateOnes) {
  auto norm = initialised(GroupNorm(8, 64, 1e-5));
  auto layer = initialised(Conv2d(64, 32));
  const auto x = at::randn({2, 64, 12, 10}), shift = at::randn({2, 64});
  const auto expected = convolve_normed(norm, layer, x, shift);
  set_precision(layer, Precision::int8);
  layer.forward(at::silu(x));
  ASSERT_TRUE(layer.takes_bytes());
  EXPECT_GT(snr_db(expected, convolve_normed(norm, layer, x, shift)), 30);

  auto layer_norm = initialised(LayerNorm(64));
  auto linear = initialised(Linear(64, 96));
  const auto tokens = at::randn({2, 30, 64}) * 3 + 1;
  const auto exact = linear.forward(layer_norm.forward(tokens));
  set_precision(linear, Precision::int8);
  linear.forward(tokens);
  EXPECT_GT(snr_db(exact, linear.forward(normed_for(layer_norm, tokens, {&linear}))), 30);

  auto out = initialised(Linear(48, 20));
  const auto wide = at::randn({2, 30, 96});
  const auto gated = out.forward(gated_for(wide.clone(), out));
  set_precision(out, Precision::int8);
  out.forward(at::randn({2, 30, 48}));
  EXPECT_GT(snr_db(gated, out.forward(gated_for(wide.clone(), out))), 28);

  const auto pictures = at::randn({2, 64, 5, 7});
  auto up = initialised(Conv2d(64, 16));
  const auto enlarged = convolve_enlarged(up, pictures, 9, 14);
  const auto plain = by_libtorch([&] {
    return up.forward(at::upsample_nearest2d(pictures, {9, 14}));
  });
  EXPECT_LT(relative_gap(enlarged, plain), 3e-5);
  set_precision(up, Precision::int8);
  up.forward(pictures);
  EXPECT_GT(snr_db(plain, convolve_enlarged(up, pictures, 9, 14)), 30);
}

TEST(Trace, SeesEachProductWithItsOperations) {
  const torch::NoGradGuard no_grad;
  if (!processor().avx2) GTEST_SKIP() << "LibTorch computes here";
  const auto layer = initialised(Conv2d(8, 16));
  const LayerTrace trace;
  layer.forward(at::randn({2, 8, 6, 5}));
  ASSERT_EQ(trace.calls.size(), 1u);
  EXPECT_EQ(trace.calls[0].shape, "3x3 8 -> 16, 2 x 6 x 5");
  EXPECT_EQ(trace.calls[0].operations, 2.0 * 2 * 6 * 5 * 8 * 16 * 9);
  EXPECT_GT(trace.calls[0].seconds, 0);
}

}  // namespace
}  // namespace sumi
