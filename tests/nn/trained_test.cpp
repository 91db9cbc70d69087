// nn/trained.h against LibTorch's own operations in double, forward and gradients.
#include "nn/trained.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "nn/attention.h"
#include "nn/bf16_products.h"
#include "nn/fused.h"
#include "nn/kernels/trained_products.h"
#include "nn/recompute.h"

namespace sumi {
namespace {

using Tensors = std::vector<Tensor>;
using Function = std::function<Tensor(const Tensors&)>;

// Error's norm over that of the exact tensor. A rounded factor is within 2^-9; what a norm takes
// out of gradients (a level common to a group) leaves small differences of larger sums.
constexpr double kFp32 = 2e-5, kBf16 = 5e-2;

Tensor noise(at::IntArrayRef shape) { return at::randn(shape); }

double relative(const Tensor& a, const Tensor& b) {
  const Tensor exact = b.to(torch::kDouble);
  return ((a.to(torch::kDouble) - exact).norm() / (exact.norm() + 1e-12)).item<double>();
}

/// What a function makes of the inputs, and its gradients to all of them.
Tensors made_by(const Function& function, const Tensors& inputs, torch::ScalarType type,
                const Tensor& weights) {
  Tensors leaves;
  for (const auto& input : inputs)
    leaves.push_back(input.defined() ? input.to(type).detach().clone().requires_grad_(true)
                                     : input);
  const Tensor out = function(leaves);
  if (!out.defined()) return {};
  (out * weights.to(type)).sum().backward();
  Tensors made = {out.detach()};
  for (const auto& leaf : leaves)
    if (leaf.defined()) made.push_back(leaf.grad());
  return made;
}

void expect_same(const Function& ours, const Function& plain, const Tensors& inputs,
                 at::IntArrayRef result, const std::string& what) {
  const Tensor weights = noise(result);
  const auto exact = made_by(plain, inputs, torch::kDouble, weights);
  for (const bool in_bf16 : {false, true}) {
    if (in_bf16 && !multiplies(Factors::bf16)) continue;  // LibTorch's operations compute then
    const Bf16Products products(in_bf16);
    const auto made = made_by(ours, inputs, torch::kFloat, weights);
    const auto again = made_by(ours, inputs, torch::kFloat, weights);
    ASSERT_EQ(made.size(), exact.size()) << what;
    for (std::size_t i = 0; i < made.size(); ++i) {
      ASSERT_TRUE(made[i].defined()) << what << " " << i;
      EXPECT_EQ(made[i].scalar_type(), torch::kFloat);
      EXPECT_EQ(made[i].sizes(), exact[i].sizes()) << what << " " << i;
      EXPECT_LT(relative(made[i], exact[i]), in_bf16 ? kBf16 : kFp32)
          << what << " " << i << (in_bf16 ? " in bf16" : "");
      EXPECT_TRUE(made[i].equal(again[i])) << what << " " << i;
    }
  }
}

ConvolutionShape shape_of(std::int64_t in, std::int64_t out, std::int64_t kernel,
                          std::int64_t stride) {
  const int pad = static_cast<int>(kernel / 2);
  return {in, out, kernel, stride, {pad, pad, pad, pad}};
}

struct ConvolutionCase {
  std::int64_t batch, in, out, height, width, kernel, stride;
};

constexpr ConvolutionCase kConvolutions[] = {
    {2, 32, 48, 8, 8, 3, 1}, {3, 20, 36, 5, 7, 3, 1},  {1, 8, 4, 1, 1, 3, 1},
    {2, 12, 24, 9, 6, 3, 2}, {2, 36, 20, 6, 6, 1, 1},  {1, 4, 8, 16, 16, 3, 1},
    {2, 48, 8, 4, 4, 3, 1},  {32, 96, 96, 4, 4, 3, 1}, {7, 28, 42, 15, 18, 3, 1},
};

std::string name_of(const ConvolutionCase& c) {
  return fmt::format("{} x {} x {} x {}, {} -> {}, kernel {}, stride {}", c.batch, c.in, c.height,
                     c.width, c.in, c.out, c.kernel, c.stride);
}

TEST(TrainedConvolution, GradientsAreThoseOfLibTorch) {
  for (const auto& c : kConvolutions)
    for (const bool all : {true, false}) {
      const auto shape = shape_of(c.in, c.out, c.kernel, c.stride);
      const auto to = shape.output({c.batch, c.height, c.width});
      const Tensor none, residual = noise({c.batch, c.out, to.height, to.width});
      const Tensors inputs = {noise({c.batch, c.in, c.height, c.width}),
                              0.2 * noise({c.out, c.in, c.kernel, c.kernel}),
                              all ? noise({c.out}) : none, all ? residual : none};
      const auto ours = [&](const Tensors& t) {
        return trained_convolution(t[0], t[1], t[2], shape, t[3]);
      };
      const auto plain = [&](const Tensors& t) {
        const Tensor y = at::conv2d(t[0], t[1], t[2], c.stride, c.kernel / 2);
        return t[3].defined() ? y + t[3] : y;
      };
      expect_same(ours, plain, inputs, residual.sizes(), name_of(c));
    }
}

TEST(TrainedConvolution, ConvolutionsOfManyPixelsGoWinogradsWay) {
  const auto way = [](std::int64_t in, std::int64_t out, ImageSize size, Factors factors) {
    return TrainedConvolution{shape_of(in, out, 3, 1), size, factors}.by_winograd();
  };
  EXPECT_TRUE(way(28, 42, {7, 15, 18}, Factors::fp32));
  EXPECT_FALSE(way(28, 42, {7, 15, 18}, Factors::bf16));
  EXPECT_FALSE(way(8, 42, {7, 15, 18}, Factors::fp32));
  EXPECT_FALSE(way(28, 42, {1, 15, 18}, Factors::fp32));
  EXPECT_FALSE(way(28, 42, {200, 1, 1}, Factors::fp32));
}

Tensor plain_norm(const Tensor& x, const Tensor& shift, const Tensor& weight, const Tensor& bias,
                  std::int64_t groups, bool silu) {
  const Tensor moved = shift.defined() ? x + shift.unsqueeze(-1).unsqueeze(-1) : x;
  const Tensor y = at::group_norm(moved, groups, weight, bias, 1e-5);
  return silu ? at::silu(y) : y;
}

/// x (with a level of its own), shift, weight and bias of a norm.
Tensors norm_inputs(const ConvolutionCase& c, bool shifted) {
  return {noise({c.batch, c.in, c.height, c.width}) + 3,
          shifted ? noise({c.batch, c.in}) : Tensor(), 1 + 0.3 * noise({c.in}),
          0.3 * noise({c.in})};
}

TEST(TrainedConvolution, NormInFrontHasTheGradientsOfLibTorch) {
  for (const auto& c : kConvolutions)
    for (const bool all : {true, false}) {
      const auto shape = shape_of(c.in, c.out, c.kernel, c.stride);
      const auto to = shape.output({c.batch, c.height, c.width});
      const Tensor residual = noise({c.batch, c.out, to.height, to.width});
      Tensors inputs = norm_inputs(c, all);
      inputs.push_back(0.2 * noise({c.out, c.in, c.kernel, c.kernel}));
      inputs.push_back(noise({c.out}));
      inputs.push_back(all ? residual : Tensor());
      const auto ours = [&](const Tensors& t) {
        return trained_convolution(t[0], NormBefore{t[2], t[3], t[1], 2, 1e-5, all}, t[4], t[5],
                                   shape, t[6]);
      };
      const auto plain = [&](const Tensors& t) {
        const Tensor y = at::conv2d(plain_norm(t[0], t[1], t[2], t[3], 2, all), t[4], t[5],
                                    c.stride, c.kernel / 2);
        return t[6].defined() ? y + t[6] : y;
      };
      expect_same(ours, plain, inputs, residual.sizes(), name_of(c));
    }
}

TEST(TrainedGroupNorm, GradientsAreThoseOfLibTorch) {
  for (const auto& c : kConvolutions)
    for (const bool all : {true, false}) {
      const Tensors inputs = norm_inputs(c, all);
      const auto ours = [&](const Tensors& t) {
        return trained_group_norm(t[0], NormBefore{t[2], t[3], t[1], 2, 1e-5, all});
      };
      const auto plain = [&](const Tensors& t) {
        return plain_norm(t[0], t[1], t[2], t[3], 2, all);
      };
      expect_same(ours, plain, inputs, inputs[0].sizes(), name_of(c));
    }
}

TEST(TrainedConvolution, TakesPicturesThatLieOtherwise) {
  const auto shape = shape_of(12, 20, 3, 1);
  const Tensors inputs = {noise({2, 7, 6, 24}), 0.2 * noise({3, 3, 12, 20}), noise({40})};
  // Every second channel of a picture whose rows lie outermost, a kernel turned around, half a
  // bias.
  const auto view = [](const Tensors& t) {
    return Tensors{t[0].permute({0, 3, 1, 2}).slice(1, 0, 24, 2), t[1].permute({3, 2, 0, 1}),
                   t[2].slice(0, 0, 40, 2).contiguous()};
  };
  const auto ours = [&](const Tensors& t) {
    const auto v = view(t);
    return trained_convolution(v[0], v[1], v[2], shape);
  };
  const auto plain = [&](const Tensors& t) {
    const auto v = view(t);
    return at::conv2d(v[0], v[1], v[2], 1, 1);
  };
  expect_same(ours, plain, inputs, {2, 20, 7, 6}, "views");
}

TEST(TrainedLinear, GradientsAreThoseOfLibTorch) {
  struct Case {
    std::int64_t batch, tokens, in, out;
  };
  for (const Case c : {Case{2, 16, 32, 48}, {1, 1, 7, 5}, {3, 5, 20, 33}, {32, 8, 96, 17}})
    for (const bool all : {true, false}) {
      const Tensor residual = noise({c.batch, c.tokens, c.out});
      const Tensors inputs = {noise({c.tokens, c.batch, c.in}), 0.2 * noise({c.out, c.in}),
                              all ? noise({c.out}) : Tensor(), all ? residual : Tensor()};
      const auto ours = [&](const Tensors& t) {
        return trained_linear(t[0].transpose(0, 1), t[1], t[2], t[3]);
      };
      const auto plain = [&](const Tensors& t) {
        const Tensor y = at::linear(t[0].transpose(0, 1), t[1], t[2]);
        return t[3].defined() ? y + t[3] : y;
      };
      expect_same(ours, plain, inputs, residual.sizes(), fmt::format("{} -> {}", c.in, c.out));
    }
}

TEST(TrainedGatedLinear, GradientsAreThoseOfLibTorch) {
  for (const std::int64_t in : {32, 20, 3}) {
    const Tensor residual = noise({2, 19, 24});
    const Tensors inputs = {2 * noise({2, 19, 2 * in}), 0.2 * noise({24, in}), noise({24}),
                            residual};
    const auto ours = [](const Tensors& t) { return trained_gated_linear(t[0], t[1], t[2], t[3]); };
    const auto plain = [](const Tensors& t) {
      const auto halves = t[0].chunk(2, -1);
      return at::linear(halves[0] * at::gelu(halves[1]), t[1], t[2]) + t[3];
    };
    expect_same(ours, plain, inputs, residual.sizes(), fmt::format("{} wide", in));
  }
}

TEST(TrainedGatedLinear, GateAtZeroHasAGradient) {
  const Tensors inputs = {at::cat({at::ones({1, 16}), at::zeros({1, 16})}, 1), noise({4, 16})};
  const auto ours = [](const Tensors& t) { return trained_gated_linear(t[0], t[1], {}); };
  const auto plain = [](const Tensors& t) {
    const auto halves = t[0].chunk(2, -1);
    return at::linear(halves[0] * at::gelu(halves[1]), t[1]);
  };
  const Tensor weights = noise({1, 4});
  const auto made = made_by(ours, inputs, torch::kFloat, weights);
  const auto exact = made_by(plain, inputs, torch::kDouble, weights);
  EXPECT_LT(relative(made[1], exact[1]), kFp32);
}

TEST(TrainedLayerNorm, GradientsAreThoseOfLibTorch) {
  for (const std::int64_t width : {192, 37, 3}) {
    const Tensors inputs = {noise({3, 50, width}) + 2, 1 + 0.3 * noise({width}), noise({width})};
    const auto ours = [](const Tensors& t) { return trained_layer_norm(t[0], t[1], t[2], 1e-5); };
    const auto plain = [&](const Tensors& t) {
      return at::layer_norm(t[0], {width}, t[1], t[2], 1e-5);
    };
    expect_same(ours, plain, inputs, inputs[0].sizes(), fmt::format("{} wide", width));
  }
}

TEST(TrainedAttention, GradientsAreThoseOfLibTorch) {
  struct Case {
    std::int64_t batch, heads, queries, keys, width;
    bool causal;
  };
  for (const Case c : {Case{2, 3, 64, 64, 32, false},
                       {1, 1, 1, 1, 4, false},
                       {2, 2, 17, 5, 24, false},
                       {2, 4, 36, 36, 48, true},
                       {3, 1, 7, 40, 10, false},
                       {1, 2, 9, 9, 16, true}}) {
    const auto wide = c.heads * c.width;
    // Queries are a third of a fused product.
    const Tensors inputs = {noise({c.batch, c.queries, 3 * wide}), noise({c.batch, c.keys, wide}),
                            noise({c.batch, c.keys, wide})};
    const auto ours = [&](const Tensors& t) {
      return trained_attention(t[0].narrow(2, wide, wide), t[1], t[2], c.heads, c.causal);
    };
    const auto plain = [&](const Tensors& t) {
      const auto split = [&](const Tensor& x) {
        return x.reshape({c.batch, x.size(1), c.heads, c.width}).transpose(1, 2);
      };
      Tensor scores = at::matmul(split(t[0].narrow(2, wide, wide)), split(t[1]).transpose(2, 3)) /
                      std::sqrt(static_cast<double>(c.width));
      if (c.causal)
        scores = scores.masked_fill(at::ones({c.queries, c.keys}, torch::kBool).triu(1),
                                    -std::numeric_limits<double>::infinity());
      return at::matmul(at::softmax(scores, -1), split(t[2]))
          .transpose(1, 2)
          .reshape({c.batch, c.queries, wide});
    };
    expect_same(ours, plain, inputs, {c.batch, c.queries, wide},
                fmt::format("{} x {}", c.queries, c.keys));
  }
}

TEST(Trained, OtherTypesAndPassesWithoutGradientsAreLeftToLibTorch) {
  const auto exact = torch::TensorOptions(torch::kDouble);
  const auto shape = shape_of(4, 4, 3, 1);
  const Tensor x = at::randn({1, 4, 4, 4}, exact), w = at::randn({4, 4, 3, 3}, exact);
  EXPECT_FALSE(trained_convolution(x, w, {}, shape).defined());
  EXPECT_FALSE(trained_linear(at::randn({2, 4}, exact), at::randn({3, 4}, exact), {}).defined());
  EXPECT_FALSE(
      trained_layer_norm(at::randn({2, 4}, exact), at::ones({4}, exact), at::ones({4}, exact), 1e-5)
          .defined());
  EXPECT_FALSE(
      trained_convolution(at::empty({0, 4, 4, 4}), noise({4, 4, 3, 3}), {}, shape).defined());
  const c10::NoGradGuard no_grad;
  EXPECT_FALSE(trained_convolution(noise({1, 4, 4, 4}), noise({4, 4, 3, 3}), {}, shape).defined());
}

TEST(Trained, OnlyWantedGradientsAreMade) {
  const auto shape = shape_of(4, 6, 3, 1);
  const Tensor x = noise({2, 4, 5, 5}), weight = noise({6, 4, 3, 3});
  const Tensor bias = noise({6}).requires_grad_(true);
  trained_convolution(x, weight, bias, shape).sum().backward();
  EXPECT_FALSE(x.grad().defined());
  EXPECT_FALSE(weight.grad().defined());
  EXPECT_LT(relative(bias.grad(), at::full({6}, 50.0)), kFp32);
}

/// Layers of each kind, as a network has them.
class Block : public Module {
 public:
  Block()
      : norm_(add("norm", GroupNorm(4, 12, 1e-5))),
        conv_(add("conv", Conv2d(12, 12))),
        layer_norm_(add("layer_norm", LayerNorm(12))),
        wide_(add("wide", Linear(12, 48))),
        narrow_(add("narrow", Linear(24, 12))) {}
  Tensor forward(const Tensor& x) const {
    const Tensor h = convolve_normed(norm_, conv_, x, {}, x);
    const Tensor tokens = h.flatten(2).transpose(1, 2);
    const Tensor seen = attention(tokens, tokens, layer_norm_.forward(tokens), 2);
    return gated_linear(narrow_, wide_.forward(seen), tokens);
  }

 private:
  GroupNorm norm_;
  Conv2d conv_;
  LayerNorm layer_norm_;
  Linear wide_, narrow_;
};

TEST(Trained, ANetworkComputedTwiceHasTheSameGradients) {
  Block block;
  initialise(block, 1);
  set_requires_grad(block, true);
  const Tensor x = noise({2, 12, 5, 4}).requires_grad_(true);
  for (const bool in_bf16 : {false, true}) {
    if (in_bf16 && !multiplies(Factors::bf16)) continue;
    const auto gradients = [&](bool twice) {
      const Bf16Products products(in_bf16);
      for (const auto& [name, tensor] : block.parameters()) tensor->mutable_grad() = Tensor();
      x.mutable_grad() = Tensor();
      const TensorFunction part = [&](const Tensors& in) { return Tensors{block.forward(in[0])}; };
      (twice ? recomputed(part, {x}) : part({x}))[0].square().sum().backward();
      Tensors all = {x.grad().clone()};
      for (const auto& [name, tensor] : block.parameters()) all.push_back(tensor->grad().clone());
      return all;
    };
    const auto once = gradients(false), twice = gradients(true);
    for (std::size_t i = 0; i < once.size(); ++i) EXPECT_TRUE(once[i].equal(twice[i])) << i;
  }
}

TEST(Trained, ANetworkFollowsItsGradient) {
  Block block;
  initialise(block, 1);
  set_requires_grad(block, true);
  const Tensor x = noise({2, 12, 5, 4});
  block.forward(x).square().sum().backward();
  // A small step along the gradient changes the loss by its squared length.
  double length = 0;
  for (const auto& [name, tensor] : block.parameters())
    length += tensor->grad().square().sum().item<double>();
  const double step = 1e-3 / std::sqrt(length);
  const auto loss_at = [&](double along) {
    const c10::NoGradGuard no_grad;
    for (const auto& [name, tensor] : block.parameters()) tensor->add_(tensor->grad(), along);
    const double loss = block.forward(x).to(torch::kDouble).square().sum().item<double>();
    for (const auto& [name, tensor] : block.parameters()) tensor->sub_(tensor->grad(), along);
    return loss;
  };
  const double slope = (loss_at(step) - loss_at(-step)) / (2 * step);
  EXPECT_NEAR(slope / length, 1, 0.02);
}

}  // namespace
}  // namespace sumi
