#include "nn/attention.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sumi {
namespace {

struct Shape {
  std::int64_t batch, heads, queries, keys, width;
};

/// The formula itself, in double.
Tensor by_formula(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t heads,
                  const AttentionOptions& options) {
  const auto split = [&](const Tensor& x) {
    return x.to(torch::kDouble).view({x.size(0), x.size(1), heads, -1}).permute({0, 2, 1, 3});
  };
  auto scores = at::matmul(split(q), split(k).transpose(-1, -2)) / std::sqrt(q.size(2) / heads);
  if (options.mask.defined()) scores = scores + options.mask;
  if (options.causal) {
    const auto hidden = at::ones({q.size(1), k.size(1)}, torch::kBool).triu(1);
    scores = scores.masked_fill(hidden, -INFINITY);
  }
  return at::matmul(at::softmax(scores, -1), split(v))
      .permute({0, 2, 1, 3})
      .reshape(q.sizes())
      .to(q.scalar_type());
}

double largest_gap(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

class Attention : public testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    torch::manual_seed(7);
    const auto s = GetParam();
    q = at::randn({s.batch, s.queries, s.heads * s.width});
    k = at::randn({s.batch, s.keys, s.heads * s.width});
    v = at::randn({s.batch, s.keys, s.heads * s.width});
  }
  Tensor q, k, v;
};

TEST_P(Attention, EqualsTheFormula) {
  const auto s = GetParam();
  const torch::NoGradGuard no_gradients;
  EXPECT_LT(largest_gap(attention(q, k, v, s.heads), by_formula(q, k, v, s.heads, {})), 2e-5);
}

TEST_P(Attention, AddsTheMask) {
  const auto s = GetParam();
  const torch::NoGradGuard no_gradients;
  for (const auto& shape : {std::vector<std::int64_t>{s.queries, s.keys},
                            {s.batch, 1, 1, s.keys},
                            {s.batch, s.heads, s.queries, s.keys}}) {
    const AttentionOptions options{.mask = at::randn(shape)};
    EXPECT_LT(
        largest_gap(attention(q, k, v, s.heads, options), by_formula(q, k, v, s.heads, options)),
        2e-5);
  }
}

TEST_P(Attention, HidesTheFuture) {
  const auto s = GetParam();
  const torch::NoGradGuard no_gradients;
  const AttentionOptions options{.causal = true};
  EXPECT_LT(
      largest_gap(attention(q, k, v, s.heads, options), by_formula(q, k, v, s.heads, options)),
      2e-5);
}

TEST_P(Attention, GivesTheSameWithGradientsOn) {
  const auto s = GetParam();
  const AttentionOptions options{.mask = at::randn({s.queries, s.keys})};
  const auto trained = attention(q.clone().set_requires_grad(true), k, v, s.heads, options);
  const torch::NoGradGuard no_gradients;
  EXPECT_LT(largest_gap(trained.detach(), attention(q, k, v, s.heads, options)), 2e-5);
}

INSTANTIATE_TEST_SUITE_P(OddShapes, Attention,
                         testing::Values(Shape{1, 1, 1, 1, 1}, Shape{2, 3, 5, 7, 11},
                                         Shape{1, 8, 77, 77, 40}, Shape{3, 1, 129, 31, 8},
                                         Shape{2, 5, 121, 113, 3}, Shape{1, 1, 301, 311, 17}));

/// Every width of a head with every count of queries, beside another count of keys: the gap stays
/// below 1e-5 of the largest result.
class AttentionShapes : public testing::TestWithParam<std::int64_t> {
 protected:
  static void expect_formula(const Shape& s, const AttentionOptions& options) {
    const auto q = at::randn({s.batch, s.queries, s.heads * s.width});
    const auto kv = at::randn({s.batch, s.keys, 2 * s.heads * s.width}).chunk(2, -1);
    const auto expected = by_formula(q, kv[0].contiguous(), kv[1].contiguous(), s.heads, options);
    EXPECT_LT(largest_gap(attention(q, kv[0], kv[1], s.heads, options), expected),
              1e-5 * std::max(1.0, expected.abs().max().item<double>()))
        << s.batch << " x " << s.queries << " x " << s.keys << " x " << s.width;
  }
};

TEST_P(AttentionShapes, EqualPlainTorch) {
  torch::manual_seed(11);
  const torch::NoGradGuard no_gradients;
  const std::int64_t tokens[] = {1, 2, 63, 77, 257, 1000};
  for (std::size_t i = 0; i < 6; ++i) {
    const Shape s{static_cast<std::int64_t>(1 + i % 3), 2, tokens[i], tokens[(i + 2) % 6],
                  GetParam()};
    expect_formula(s, {});
    expect_formula(s, {.causal = true});
    expect_formula(s, {.mask = at::randn({s.queries, s.keys})});
    expect_formula(s, {.mask = at::randn({s.batch, 1, 1, s.keys}), .causal = true});
  }
}

INSTANTIATE_TEST_SUITE_P(Widths, AttentionShapes,
                         testing::Values(1, 7, 32, 40, 64, 80, 96, 128, 160));

TEST(AttentionLayout, ReadsThirdsOfAFusedProductInPlace) {
  torch::manual_seed(5);
  const torch::NoGradGuard no_gradients;
  const auto qkv = at::randn({2, 70, 3 * 80}).chunk(3, -1);
  EXPECT_TRUE(
      at::equal(attention(qkv[0], qkv[1], qkv[2], 2),
                attention(qkv[0].contiguous(), qkv[1].contiguous(), qkv[2].contiguous(), 2)));
}

TEST(AttentionLayout, TakesTensorsWhoseChannelsAreNotContiguous) {
  torch::manual_seed(6);
  const torch::NoGradGuard no_gradients;
  const auto x = at::randn({2, 48, 70}).transpose(1, 2);
  EXPECT_LT(largest_gap(attention(x, x, x, 3),
                        by_formula(x.contiguous(), x.contiguous(), x.contiguous(), 3, {})),
            1e-5);
}

TEST(AttentionPrecisionOfTensors, SixteenBitsAreComputedInFloat) {
  torch::manual_seed(8);
  const torch::NoGradGuard no_gradients;
  const auto x = at::randn({1, 50, 32}).to(at::kBFloat16);
  const auto mixed = attention(x, x, x, 2);
  EXPECT_EQ(mixed.scalar_type(), at::kBFloat16);
  const auto wide = x.to(at::kFloat);
  EXPECT_TRUE(at::equal(mixed, attention(wide, wide, wide, 2).to(at::kBFloat16)));
}

TEST(AttentionPrecisionOfTensors, IntegersAreAChoice) {
  torch::manual_seed(9);
  const torch::NoGradGuard no_gradients;
  const auto q = at::randn({1, 200, 80}), kv = at::randn({1, 300, 80});
  const auto exact = attention(q, kv, kv, 2);
  for (const auto precision : {AttentionPrecision::int16, AttentionPrecision::int8}) {
    const auto noise = attention(q, kv, kv, 2, {.precision = precision}) - exact;
    EXPECT_LT(noise.norm().item<double>(), 0.01 * exact.norm().item<double>());
  }
}

TEST(AttentionGradient, EqualsTheFormulas) {
  torch::manual_seed(3);
  for (const bool causal : {false, true}) {
    std::vector<Tensor> ours, theirs;
    for (const auto length : {5, 7, 7}) {
      ours.push_back(at::randn({2, length, 12}, torch::kDouble).set_requires_grad(true));
      theirs.push_back(ours.back().detach().clone().set_requires_grad(true));
    }
    const AttentionOptions options{.causal = causal};
    const auto weight = at::randn({2, 5, 12}, torch::kDouble);
    (attention(ours[0], ours[1], ours[2], 3, options) * weight).sum().backward();
    (by_formula(theirs[0], theirs[1], theirs[2], 3, options) * weight).sum().backward();
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_LT(largest_gap(ours[i].grad(), theirs[i].grad()), 1e-12);
  }
}

}  // namespace
}  // namespace sumi
