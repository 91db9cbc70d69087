#include <gtest/gtest.h>

#include "diffusion/plan.h"
#include "diffusion/spacing.h"
#include "gaussian.h"

namespace sumi {
namespace {

const GaussianData kData;
const Tensor kStart = torch::tensor({-1500.0, -300.0, 40.0, 800.0}, torch::kFloat64).view({4, 1});

/// Even in log ratio. The first steps of a multistep formula are of low order; at ratio 1000 the
/// clean estimate hardly moves, so that they cost nothing.
std::vector<NoiseLevel> log_levels(int steps, NoiseLevel (*scaled)(double)) {
  std::vector<NoiseLevel> levels;
  for (const double log_ratio : even(steps + 1, std::log(1000.0), std::log(0.05)))
    levels.push_back(scaled(std::exp(log_ratio)));
  return levels;
}

double error_of(const char* name, int steps, SamplerOptions options, NoiseLevel (*scaled)(double)) {
  const auto levels = log_levels(steps, scaled);
  const auto x = kStart * levels.front().alpha;
  const auto result = find_sampler(name).run(kData.denoiser(), x, levels, options, nullptr);
  const auto exact = kData.carried(x, levels.front(), levels.back());
  return (result - exact).abs().max().item<double>() / levels.back().alpha;
}

/// Measured order: how many halvings of the error one halving of the steps brings.
double order_of(const char* name, SamplerOptions options = {}, int steps = 96,
                NoiseLevel (*scaled)(double) = exploding) {
  const double coarse = error_of(name, steps, options, scaled);
  const double fine = error_of(name, 2 * steps, options, scaled);
  const double order = std::log2(coarse / fine);
  ::testing::Test::RecordProperty(name, std::to_string(order));
  std::printf("%-20s order %.2f (error %.1e)\n", name, order, fine);
  return order;
}

TEST(Convergence, FirstOrder) {
  EXPECT_NEAR(order_of("Euler"), 1, 0.2);
  EXPECT_NEAR(order_of("DDIM"), 1, 0.2);
  EXPECT_NEAR(order_of("DDIM", {}, 96, preserving), 1, 0.2);
  EXPECT_NEAR(order_of("DPM++ 2M", {.order = 1}), 1, 0.2);
  EXPECT_NEAR(order_of("DEIS", {.order = 1}), 1, 0.2);
}

TEST(Convergence, SecondOrder) {
  EXPECT_NEAR(order_of("Heun"), 2, 0.2);
  EXPECT_NEAR(order_of("DPM2"), 2, 0.2);
  EXPECT_NEAR(order_of("DPM++ 2M"), 2, 0.2);
  EXPECT_NEAR(order_of("DPM++ 2M", {}, 96, preserving), 2, 0.2);
  EXPECT_NEAR(order_of("DPM++ 2M", {.solver = Solver::heun}), 2, 0.2);
  EXPECT_NEAR(order_of("DPM++ 2M", {.over_clean = false}), 2, 0.25);
  EXPECT_NEAR(order_of("DPM++ 2S"), 2, 0.25);
  EXPECT_NEAR(order_of("DPM++ 2S a"), 2, 0.2);
  EXPECT_NEAR(order_of("LMS", {.order = 2}), 2, 0.25);
  EXPECT_NEAR(order_of("DEIS"), 2, 0.25);
}

TEST(Convergence, HigherOrder) {
  // The published multistep formula weights its second difference by half of what third order
  // takes, so it keeps order 2; it is the more exact one of that order.
  const SamplerOptions third{.order = 3, .solver = Solver::heun};
  EXPECT_NEAR(order_of("DPM++ 3M", third), 2, 0.3);
  EXPECT_LT(error_of("DPM++ 3M", 192, third, exploding),
            error_of("DPM++ 2M", 192, {}, exploding) / 2);
  EXPECT_NEAR(order_of("LMS", {.order = 3}, 192), 3, 0.4);
  EXPECT_GT(order_of("DEIS", {.order = 3}), 2.6);
  EXPECT_NEAR(order_of("DPM++ 2S", {.order = 3, .solver = Solver::heun}), 3, 0.4);
  // The corrector adds one order to the predictor's (Zhao et al. 2023, theorem 3.2).
  EXPECT_NEAR(order_of("UniPC", {.solver = Solver::bh2}), 3, 0.4);
  EXPECT_NEAR(order_of("UniPC", {.solver = Solver::bh1}), 3, 0.4);
  EXPECT_GT(order_of("DPM fast"), 1.8);  // its last steps are of second and first order
}

TEST(Convergence, RungeKuttaStartIsExactToFourthOrder) {
  // Three steps are all Runge-Kutta but for the plain end, which is cut away here.
  SamplerOptions options;
  options.runge_kutta_start = true;
  const auto run = [&](int steps) {
    std::vector<NoiseLevel> levels;
    for (const double r : even(steps + 1, 3, 2)) levels.push_back(exploding(r));
    const auto x = torch::tensor({-4.0, 5.0}, torch::kFloat64).view({2, 1});
    const auto result = find_sampler("PLMS").run(kData.denoiser(), x, levels, options, nullptr);
    return (result - kData.carried(x, levels.front(), levels.back())).abs().max().item<double>();
  };
  EXPECT_LT(run(4), 1e-4);
  EXPECT_LT(run(16), run(4) / 10);
}

TEST(Convergence, AdaptiveKeepsItsTolerance) {
  const std::vector<NoiseLevel> levels{exploding(10), exploding(0.05)};
  const auto start = kStart / 100;
  int calls = 0;
  const Denoiser counted = [&](const Tensor& x, NoiseLevel at) {
    ++calls;
    return kData.denoiser()(x, at);
  };
  const auto result =
      find_sampler("DPM adaptive").run(counted, start, levels, {.order = 3}, nullptr);
  const auto exact = kData.carried(start, levels.front(), levels.back());
  EXPECT_LT((result - exact).abs().max().item<double>(), 0.2);
  EXPECT_LT(calls, 200);
}

/// The scale of x is a matter of bookkeeping: the same run in variance-preserving and exploding
/// form.
TEST(Convergence, ScalingDoesNotMatter) {
  const auto wide = log_levels(20, exploding), narrow = log_levels(20, preserving);
  for (const char* name : {"Euler", "DDIM", "DPM++ 2M", "DPM++ 2S", "DPM++ 2S a", "DPM2", "LMS",
                           "DEIS", "UniPC", "DPM fast", "Restart"}) {
    const auto& sampler = find_sampler(name);
    SamplerOptions options{.order = 2, .solver = sampler.solver};
    const auto a = sampler.run(kData.denoiser(), kStart, wide, options,
                               [](const Tensor& x) { return torch::ones_like(x); });
    const auto b = sampler.run(kData.denoiser(), kStart * narrow.front().alpha, narrow, options,
                               [](const Tensor& x) { return torch::ones_like(x); });
    EXPECT_TRUE(torch::allclose(a, b / narrow.back().alpha, 1e-7, 1e-7)) << name;
  }
}

TEST(Convergence, StraightFlowNeedsOneStep) {
  // One point as data: the paths of rectified flow are straight lines.
  const Tensor point = torch::tensor({0.3, -2.0}, torch::kFloat64).view({1, 2});
  const Denoiser known = [&](const Tensor&, NoiseLevel) { return point; };
  const std::vector<NoiseLevel> levels{{0, 1}, {1, 0}};
  for (const char* name : {"Euler", "Heun", "DDIM", "DPM++ 2M"}) {
    const auto result =
        find_sampler(name).run(known, torch::randn({1, 2}, torch::kFloat64), levels, {}, nullptr);
    EXPECT_TRUE(torch::allclose(result, point)) << name;
  }
}

}  // namespace
}  // namespace sumi
