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

// The last two are large enough to be computed a slice of queries at a time.
INSTANTIATE_TEST_SUITE_P(OddShapes, Attention,
                         testing::Values(Shape{1, 1, 1, 1, 1}, Shape{2, 3, 5, 7, 11},
                                         Shape{1, 8, 77, 77, 40}, Shape{3, 1, 129, 31, 8},
                                         Shape{2, 5, 1021, 1013, 3}, Shape{1, 1, 3001, 3011, 17}));

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
