#include "nn/kernels/attention_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "core/processor.h"
#include "nn/kernels/exp2.h"
#include "nn/kernels/lanes_plain.h"

namespace sumi {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Shape {
  std::int64_t batch, heads, queries, keys, width;
};

std::vector<float> normal(std::int64_t count, std::uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (auto& value : values) value = distribution(generator);
  return values;
}

/// q, k and v as three thirds of each token's row, with a gap after it, and the same for the
/// result.
struct Case {
  Shape shape;
  std::vector<float> q_rows, kv_rows, out, mask;
  AttentionProblem problem;

  explicit Case(const Shape& s) : shape(s) {
    const auto dim = s.heads * s.width, row = 3 * dim + 5;
    q_rows = normal(s.batch * s.queries * row, 1);
    kv_rows = normal(s.batch * s.keys * row, 2);
    out.assign(static_cast<std::size_t>(s.batch * s.queries * (dim + 3)), 77.0F);
    problem = {.batch = s.batch,
               .heads = s.heads,
               .queries = s.queries,
               .keys = s.keys,
               .width = s.width,
               .q = {q_rows.data(), s.queries * row, row, s.width},
               .k = {kv_rows.data() + dim, s.keys * row, row, s.width},
               .v = {kv_rows.data() + 2 * dim, s.keys * row, row, s.width},
               .out = {out.data(), s.queries * (dim + 3), dim + 3, s.width},
               .scale = 1.0F / std::sqrt(static_cast<float>(s.width))};
  }
};

template <class Element>
Element* token(const HeadsView<Element>& x, std::int64_t b, std::int64_t h, std::int64_t t) {
  return x.data + b * x.batch_stride + h * x.head_stride + t * x.token_stride;
}

double score(const AttentionProblem& p, std::int64_t b, std::int64_t h, std::int64_t i,
             std::int64_t j) {
  if (p.causal && j > i) return -kInfinity;
  double sum = 0;
  for (std::int64_t d = 0; d < p.width; ++d)
    sum += static_cast<double>(token(p.q, b, h, i)[d]) * token(p.k, b, h, j)[d];
  const auto& m = p.mask;
  const double added =
      m.data
          ? m.data[b * m.batch_stride + h * m.head_stride + i * m.query_stride + j * m.key_stride]
          : 0.0;
  return sum * p.scale + added;
}

/// The formula in two loops, in double: one query's result.
std::vector<double> by_formula(const AttentionProblem& p, std::int64_t b, std::int64_t h,
                               std::int64_t i) {
  std::vector<double> scores, mixed(static_cast<std::size_t>(p.width));
  for (std::int64_t j = 0; j < p.keys; ++j) scores.push_back(score(p, b, h, i, j));
  const double top = *std::max_element(scores.begin(), scores.end());
  double total = 0;
  for (std::int64_t j = 0; j < p.keys; ++j) {
    const double weight = std::exp(scores[static_cast<std::size_t>(j)] - top);
    total += weight;
    for (std::int64_t d = 0; d < p.width; ++d)
      mixed[static_cast<std::size_t>(d)] += weight * token(p.v, b, h, j)[d];
  }
  for (auto& value : mixed) value /= total;
  return mixed;
}

/// Largest difference from the formula, over every element.
double largest_gap(const AttentionProblem& p) {
  double gap = 0;
  for (std::int64_t b = 0; b < p.batch; ++b)
    for (std::int64_t h = 0; h < p.heads; ++h)
      for (std::int64_t i = 0; i < p.queries; ++i) {
        const auto expected = by_formula(p, b, h, i);
        for (std::int64_t d = 0; d < p.width; ++d) {
          const double got = token(p.out, b, h, i)[d];
          if (std::isnan(got)) return kInfinity;
          gap = std::max(gap, std::abs(got - expected[static_cast<std::size_t>(d)]));
        }
      }
  return gap;
}

std::vector<LaneKind> lanes_here() {
  std::vector<LaneKind> kinds{LaneKind::plain};
  if (processor().avx2) kinds.push_back(LaneKind::avx2);
  if (processor().avx512) kinds.push_back(LaneKind::avx512);
  return kinds;
}

void expect_formula(Case& c) {
  for (const auto kind : lanes_here()) {
    SCOPED_TRACE(static_cast<int>(kind));
    std::fill(c.out.begin(), c.out.end(), 77.0F);
    attend(c.problem, AttentionPrecision::fp32, kind);
    EXPECT_LT(largest_gap(c.problem), 1e-5);
    const auto dim = c.shape.heads * c.shape.width;
    for (std::int64_t t = 0; t < c.shape.batch * c.shape.queries; ++t)
      for (std::int64_t gap = dim; gap < dim + 3; ++gap)
        ASSERT_EQ(c.out[static_cast<std::size_t>(t * (dim + 3) + gap)], 77.0F) << "beyond the row";
  }
}

class AttentionKernel : public testing::TestWithParam<Shape> {};

TEST_P(AttentionKernel, EqualsTheFormula) {
  Case c(GetParam());
  expect_formula(c);
}

TEST_P(AttentionKernel, HidesTheFuture) {
  Case c(GetParam());
  c.problem.causal = true;
  expect_formula(c);
}

TEST_P(AttentionKernel, AddsAMaskOfItsOwnForEachQuery) {
  Case c(GetParam());
  const auto s = GetParam();
  c.mask = normal(s.batch * s.queries * s.keys, 3);
  c.problem.mask = {c.mask.data(), s.queries * s.keys, 0, s.keys, 1};
  expect_formula(c);
}

TEST_P(AttentionKernel, AddsAMaskThatQueriesShare) {
  Case c(GetParam());
  const auto s = GetParam();
  c.mask = normal(s.heads * s.keys, 4);
  for (std::int64_t j = 1; j < s.keys; j += 3) c.mask[static_cast<std::size_t>(j)] = -kInfinity;
  c.problem.mask = {c.mask.data(), 0, s.keys, 0, 1};
  expect_formula(c);
}

INSTANTIATE_TEST_SUITE_P(OddShapes, AttentionKernel,
                         testing::Values(Shape{1, 1, 1, 1, 1}, Shape{2, 3, 5, 7, 11},
                                         Shape{1, 2, 77, 77, 40}, Shape{3, 1, 129, 31, 8},
                                         Shape{2, 2, 1, 200, 64}, Shape{1, 2, 400, 2, 7},
                                         Shape{1, 1, 63, 257, 80}, Shape{1, 1, 50, 65, 160},
                                         Shape{1, 1, 17, 130, 513}));

/// Scores that grow from block to block force every rescaling; large ones would overflow exp.
TEST(AttentionKernelSoftmax, FollowsARisingMaximum) {
  Case c({1, 1, 40, 700, 16});
  for (std::size_t i = 0; i < c.kv_rows.size(); ++i)
    c.kv_rows[i] *= 0.05F * static_cast<float>(i) / 53.0F;
  for (const auto kind : lanes_here()) {
    attend(c.problem, AttentionPrecision::fp32, kind);
    EXPECT_LT(largest_gap(c.problem), 2e-3) << "values reach 100";
  }
}

TEST(Exp2, IsWithinItsBoundAndZeroBelow) {
  double worst = 0;
  for (float x = -126; x <= 14; x += 0.00137F) {
    const float got = exp2<LanesPlain>(LanesPlain::broadcast(x))[0];
    worst = std::max(worst, std::abs(got / std::exp2(static_cast<double>(x)) - 1));
  }
  EXPECT_LT(worst, 2e-7);
  EXPECT_EQ(exp2<LanesPlain>(LanesPlain::broadcast(0))[0], 1.0F);
  EXPECT_EQ(exp2<LanesPlain>(LanesPlain::broadcast(-127))[0], 0.0F);
  EXPECT_EQ(exp2<LanesPlain>(LanesPlain::broadcast(-kInfinity))[0], 0.0F);
}

TEST(AttentionKernelMask, MayHideWholeBlocksOfKeysBeforeTheFirstSeen) {
  Case c({1, 1, 20, 200, 8});
  c.mask.assign(200, -kInfinity);
  std::fill(c.mask.begin() + 150, c.mask.end(), 0.0F);
  c.problem.mask = {c.mask.data(), 0, 0, 0, 1};
  expect_formula(c);
}

TEST(AttentionKernelMask, OfLowestFloatsAveragesAsTheSoftmaxDoes) {
  Case c({1, 1, 3, 100, 8});
  c.mask.assign(100, std::numeric_limits<float>::lowest());
  c.problem.mask = {c.mask.data(), 0, 0, 0, 1};
  for (const auto kind : lanes_here()) {
    attend(c.problem, AttentionPrecision::fp32, kind);
    double mean = 0;
    for (std::int64_t j = 0; j < 100; ++j) mean += token(c.problem.v, 0, 0, j)[5] / 100.0;
    EXPECT_NEAR(token(c.problem.out, 0, 0, 1)[5], mean, 1e-6);
  }
}

TEST(AttentionKernelMask, ThatHidesEveryKeyGivesNotANumber) {
  Case c({1, 1, 2, 70, 8});
  c.mask.assign(2 * 70, 0.0F);
  std::fill(c.mask.begin() + 70, c.mask.end(), -kInfinity);
  c.problem.mask = {c.mask.data(), 0, 0, 70, 1};
  for (const auto kind : lanes_here()) {
    attend(c.problem, AttentionPrecision::fp32, kind);
    EXPECT_TRUE(std::isfinite(token(c.problem.out, 0, 0, 0)[3]));
    EXPECT_TRUE(std::isnan(token(c.problem.out, 0, 0, 1)[3]));
  }
}

TEST(AttentionKernelNumbers, NotANumberStaysInItsRow) {
  Case c({1, 1, 30, 90, 8});
  c.q_rows[7] = std::numeric_limits<float>::quiet_NaN();
  for (const auto kind : lanes_here()) {
    attend(c.problem, AttentionPrecision::fp32, kind);
    EXPECT_TRUE(std::isnan(token(c.problem.out, 0, 0, 0)[2]));
    EXPECT_TRUE(std::isfinite(token(c.problem.out, 0, 0, 1)[2]));
  }
}

/// Signal to noise of the result against the formula, in decibels; -infinity for not-a-number.
double decibels(const AttentionProblem& p) {
  double signal = 0, noise = 0;
  for (std::int64_t b = 0; b < p.batch; ++b)
    for (std::int64_t h = 0; h < p.heads; ++h)
      for (std::int64_t i = 0; i < p.queries; ++i) {
        const auto expected = by_formula(p, b, h, i);
        for (std::int64_t d = 0; d < p.width; ++d) {
          const double wanted = expected[static_cast<std::size_t>(d)];
          signal += wanted * wanted;
          noise += std::pow(token(p.out, b, h, i)[d] - wanted, 2);
        }
      }
  return noise >= 0 ? 10 * std::log10(signal / noise) : -kInfinity;
}

struct Promise {
  AttentionPrecision precision;
  double decibels;
};

class IntegerAttention : public testing::TestWithParam<Promise> {
 protected:
  void SetUp() override {
    if (!processor().vnni) GTEST_SKIP() << "needs AVX-512 VNNI";
  }
  static void expect_promise(Case& c) {
    std::fill(c.out.begin(), c.out.end(), 77.0F);
    attend(c.problem, GetParam().precision);
    EXPECT_GT(decibels(c.problem), GetParam().decibels);
    EXPECT_EQ(c.out[static_cast<std::size_t>(c.shape.heads * c.shape.width)], 77.0F);
  }
};

TEST_P(IntegerAttention, KeepsItsPromiseAt4096Keys) {
  Case c({1, 1, 100, 4096, 40});
  expect_promise(c);
}

TEST_P(IntegerAttention, KeepsItsPromiseInOddShapes) {
  for (const auto& shape :
       {Shape{1, 1, 1, 1, 1}, Shape{2, 3, 50, 77, 40}, Shape{1, 2, 77, 65, 7},
        Shape{3, 1, 129, 31, 64}, Shape{1, 1, 63, 257, 80}, Shape{1, 1, 40, 130, 128}}) {
    SCOPED_TRACE(shape.width);
    Case c(shape);
    expect_promise(c);
    c.problem.causal = true;
    expect_promise(c);
    c.mask = normal(shape.queries * shape.keys, 9);
    c.problem.mask = {c.mask.data(), 0, 0, shape.keys, 1};
    expect_promise(c);
  }
}

TEST_P(IntegerAttention, MindsNoOffsetThatAllKeysShare) {
  Case c({1, 1, 50, 300, 40});
  for (std::int64_t j = 0; j < 300; ++j) {
    auto* key = const_cast<float*>(token(c.problem.k, 0, 0, j));
    for (int d = 0; d < 40; ++d) key[d] += static_cast<float>(5 * d - 100);
  }
  expect_promise(c);
}

TEST_P(IntegerAttention, KeepsZerosAndNotANumber) {
  Case c({1, 1, 20, 90, 24});
  std::fill(c.q_rows.begin(), c.q_rows.begin() + 24, 0.0F);
  c.q_rows[static_cast<std::size_t>(c.problem.q.token_stride)] = kInfinity;
  for (std::int64_t j = 0; j < 90; ++j) const_cast<float*>(token(c.problem.v, 0, 0, j))[3] = 0.0F;
  attend(c.problem, GetParam().precision);
  EXPECT_EQ(token(c.problem.out, 0, 0, 5)[3], 0.0F);
  EXPECT_TRUE(std::isfinite(token(c.problem.out, 0, 0, 0)[2]));
  EXPECT_TRUE(std::isnan(token(c.problem.out, 0, 0, 1)[2]));
  const_cast<float*>(token(c.problem.v, 0, 0, 80))[7] = std::numeric_limits<float>::quiet_NaN();
  attend(c.problem, GetParam().precision);
  EXPECT_TRUE(std::isnan(token(c.problem.out, 0, 0, 5)[7]));
  EXPECT_TRUE(std::isfinite(token(c.problem.out, 0, 0, 5)[8]));
}

INSTANTIATE_TEST_SUITE_P(Bits, IntegerAttention,
                         testing::Values(Promise{AttentionPrecision::int16, 60},
                                         Promise{AttentionPrecision::int8, 40}));

}  // namespace
}  // namespace sumi
