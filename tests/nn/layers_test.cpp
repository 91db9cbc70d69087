#include "nn/layers.h"

#include <gtest/gtest.h>

#include "nn/in_place.h"

namespace sumi {
namespace {

double largest_gap(const Tensor& a, const Tensor& b) {
  return (a.to(torch::kDouble) - b.to(torch::kDouble)).abs().max().item<double>();
}

Tensor weight_of(const Module& module, const std::string& name = "weight") {
  Tensor found;
  for (const auto& [path, tensor] : module.parameters())
    if (path == name) found = *tensor;
  return found;
}

TEST(Linear, StoredAsConvolutionIsTheSameMap) {
  Linear layer(7, 5, {.as_convolution = true});
  initialise(layer, 1);
  EXPECT_EQ(weight_of(layer).sizes().vec(), (std::vector<std::int64_t>{5, 7, 1, 1}));
  const auto x = at::randn({2, 7, 3, 4});
  const auto by_convolution = at::conv2d(x, weight_of(layer), weight_of(layer, "bias"));
  const auto tokens = layer.forward(x.permute({0, 2, 3, 1}));
  EXPECT_LT(largest_gap(tokens.permute({0, 3, 1, 2}), by_convolution), 1e-5);
}

/// Convolution written out as a product with unfolded patches.
Tensor unfolded_convolution(const Tensor& x, const Tensor& weight, const Tensor& bias,
                            std::int64_t stride, std::int64_t padding) {
  const auto k = weight.size(2);
  const auto patches = at::im2col(x, {k, k}, {1, 1}, {padding, padding}, {stride, stride});
  const auto height = (x.size(2) + 2 * padding - k) / stride + 1,
             width = (x.size(3) + 2 * padding - k) / stride + 1;
  auto y = at::matmul(weight.flatten(1), patches).view({x.size(0), weight.size(0), height, width});
  return bias.defined() ? y + bias.view({1, -1, 1, 1}) : y;
}

TEST(Conv2d, EqualsThePatchProductInBothMemoryFormats) {
  struct Case {
    std::int64_t in, out, kernel, stride, padding, height, width;
    bool bias;
  };
  for (const auto& c : {Case{3, 5, 3, 1, 1, 7, 9, true}, Case{1, 1, 1, 1, 0, 1, 1, true},
                        Case{17, 31, 3, 2, 1, 8, 5, true}, Case{4, 6, 3, 2, 0, 9, 9, false},
                        Case{33, 2, 1, 1, 0, 3, 11, false}}) {
    Conv2d layer(c.in, c.out,
                 {.kernel = c.kernel, .stride = c.stride, .padding = c.padding, .bias = c.bias});
    initialise(layer, 2);
    const auto x = at::randn({2, c.in, c.height, c.width});
    const auto expected = unfolded_convolution(
        x, weight_of(layer), c.bias ? weight_of(layer, "bias") : Tensor(), c.stride, c.padding);
    EXPECT_LT(largest_gap(layer.forward(x), expected), 1e-5);
    EXPECT_LT(largest_gap(layer.forward(x.contiguous(at::MemoryFormat::ChannelsLast)), expected),
              1e-5);
  }
}

TEST(GroupNorm, EqualsTheFormulaInBothMemoryFormats) {
  for (const auto& [groups, channels, height, width] : std::vector<std::array<std::int64_t, 4>>{
           {1, 1, 3, 5}, {4, 12, 7, 3}, {32, 96, 5, 5}, {3, 21, 1, 2}}) {
    GroupNorm layer(groups, channels, 1e-5);
    initialise(layer, 0);
    for (const auto& [path, tensor] : layer.parameters()) tensor->normal_();
    // An offset far from zero shows a variance taken as a difference of large numbers.
    const auto x = at::randn({2, channels, height, width}) + 3;
    const auto wide = x.to(torch::kDouble).view({2, groups, -1});
    const auto deviation = at::sqrt(wide.var(-1, /*unbiased=*/false, /*keepdim=*/true) + 1e-5);
    const auto unit = ((wide - wide.mean(-1, true)) / deviation).view_as(x);
    const auto expected = unit * weight_of(layer).to(torch::kDouble).view({1, -1, 1, 1}) +
                          weight_of(layer, "bias").to(torch::kDouble).view({1, -1, 1, 1});
    EXPECT_LT(largest_gap(layer.forward(x), expected), 5e-5);
    EXPECT_LT(largest_gap(layer.forward(x.contiguous(at::MemoryFormat::ChannelsLast)), expected),
              5e-5);
  }
}

TEST(LayerNorm, EqualsTheFormula) {
  LayerNorm layer(13);
  initialise(layer, 0);
  for (const auto& [path, tensor] : layer.parameters()) tensor->normal_();
  const auto x = at::randn({2, 3, 13}), wide = x.to(torch::kDouble);
  const auto unit = (wide - wide.mean(-1, true)) / at::sqrt(wide.var(-1, false, true) + 1e-5);
  EXPECT_LT(largest_gap(layer.forward(x), unit * weight_of(layer) + weight_of(layer, "bias")),
            1e-5);
}

TEST(Embedding, GivesItsRows) {
  Embedding layer(5, 3);
  initialise(layer, 4);
  const auto rows = layer.forward(torch::tensor({{4, 0}, {2, 4}}, torch::kLong));
  EXPECT_TRUE(at::equal(rows[0][0], layer.table()[4]));
  EXPECT_TRUE(at::equal(rows[1][0], layer.table()[2]));
}

TEST(InPlace, OverwritesOnlyWithoutGradients) {
  const auto start = torch::tensor({-2.0f, 0.5f});
  auto kept = start.clone();
  const auto with_gradients = apply_silu(kept);
  EXPECT_TRUE(at::equal(kept, start));
  const torch::NoGradGuard no_gradients;
  auto given = start.clone();
  const auto without = apply_silu(given);
  EXPECT_EQ(without.data_ptr(), given.data_ptr());
  EXPECT_TRUE(at::allclose(without, with_gradients));
  EXPECT_TRUE(at::equal(add_to(start.clone(), start), start * 2));
  EXPECT_TRUE(at::equal(apply_relu(start.clone()), torch::tensor({0.0f, 0.5f})));
}

}  // namespace
}  // namespace sumi
