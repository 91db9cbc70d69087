// Muon's orthogonalisation against the same iteration in double.
#include "training/muon.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "training/randomness.h"

namespace sumi {
namespace {

/// Jordan et al. 2024, five steps.
Tensor exactly(const Tensor& x) {
  const bool tall = x.size(0) > x.size(1);
  Tensor y = (tall ? x.t() : x).to(torch::kDouble);
  y = y / (y.norm() + 1e-7);
  for (int i = 0; i < 5; ++i) {
    const Tensor gram = at::mm(y, y.t());
    y = 3.4445 * y + at::mm(-4.7750 * gram + 2.0315 * at::mm(gram, gram), y);
  }
  return tall ? y.t() : y;
}

Tensor noise(std::int64_t rows, std::int64_t columns) {
  return at::randn({rows, columns}, generator_of(7), torch::TensorOptions());
}

constexpr std::int64_t kShapes[][2] = {{1, 1}, {5, 7}, {33, 20}, {96, 864}, {192, 192}, {1, 40}};

TEST(Orthogonalised, FollowsTheIterationInDouble) {
  for (const auto& [rows, columns] : kShapes) {
    const Tensor x = noise(rows, columns), exact = exactly(x), made = orthogonalised(x);
    EXPECT_EQ(made.sizes(), x.sizes());
    const double error = ((made.to(torch::kDouble) - exact).norm() / exact.norm()).item<double>();
    // A step multiplies errors near one by up to three.
    EXPECT_LT(error, 0.06) << fmt::format("{} x {}", rows, columns);
    EXPECT_TRUE(made.equal(orthogonalised(x)));
    EXPECT_TRUE(at::allclose(orthogonalised(x.to(torch::kDouble)), exact));
  }
}

TEST(Orthogonalised, PointsWhereAProductWithItselfIsAboutOne) {
  const Tensor made = orthogonalised(noise(40, 160)).to(torch::kDouble);
  const Tensor gram = at::mm(made, made.t());
  for (std::int64_t i = 0; i < 40; ++i) EXPECT_NEAR(gram[i][i].item<double>(), 1, 0.45) << i;
}

}  // namespace
}  // namespace sumi
