#include "training/optimiser.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <torch/optim/adamw.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "training/learning_rate.h"
#include "training/parameter_buffer.h"
#include "training/randomness.h"
#include "training/reductions.h"

namespace sumi {
namespace {

Tensor noise(std::vector<std::int64_t> shape, std::uint64_t seed) {
  return at::randn(shape, generator_of(seed), torch::TensorOptions());
}

TEST(AdamW, MeetsTheClosedFormOfOneElement) {
  OptimiserConfig config;
  config.beta1 = 0.8;
  config.beta2 = 0.95;
  config.weight_decay = 0.1;
  Tensor weights = at::full({2}, 2.0f);
  AdamW optimiser(weights, {{0, 1, true, 1}, {1, 2, false, 1}}, config);
  double w[2] = {2, 2}, m = 0, v = 0;
  for (int t = 1; t <= 5; ++t) {
    const double gradient = 0.3 * t;
    optimiser.step(weights, at::full({2}, 2 * gradient).to(torch::kFloat), 0.01, 0.5);
    m = 0.8 * m + 0.2 * gradient;
    v = 0.95 * v + 0.05 * gradient * gradient;
    const double direction =
        (m / (1 - std::pow(0.8, t))) / (std::sqrt(v / (1 - std::pow(0.95, t))) + 1e-8);
    w[0] = w[0] * (1 - 0.01 * 0.1) - 0.01 * direction;
    w[1] = w[1] - 0.01 * direction;
    EXPECT_NEAR(weights[0].item<double>(), w[0], 1e-5);
    EXPECT_NEAR(weights[1].item<double>(), w[1], 1e-5);
  }
}

TEST(AdamW, FollowsLibTorchsOwnOverManySteps) {
  Tensor ours = noise({100003}, 1);
  Tensor theirs = ours.clone().requires_grad_(true);
  torch::optim::AdamW oracle(
      {theirs}, torch::optim::AdamWOptions(1e-3).betas({0.9, 0.99}).weight_decay(0.01));
  AdamW optimiser(ours, {{0, 100003, true, 1}}, {});
  for (int t = 0; t < 20; ++t) {
    const Tensor gradient = noise({100003}, 10 + t);
    theirs.mutable_grad() = gradient;
    oracle.step();
    optimiser.step(ours, gradient, 1e-3);
  }
  EXPECT_LT((ours - theirs.detach()).abs().max().item<double>(), 2e-6);
}

TEST(AdamW, GivesTheSameBitsForAnyNumberOfThreads) {
  const int before = at::get_num_threads();
  std::vector<Tensor> results;
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    Tensor weights = noise({300007}, 1);
    AdamW optimiser(weights, {{0, 200000, true, 1}, {200000, 300007, false, 1}}, {});
    for (int t = 0; t < 3; ++t) optimiser.step(weights, noise({300007}, 5 + t), 1e-2);
    results.push_back(weights);
  }
  at::set_num_threads(before);
  EXPECT_TRUE(results[0].equal(results[1]));
}

TEST(Norm, IsTheEuclideanLength) {
  const Tensor values = noise({100001}, 3);
  EXPECT_NEAR(norm_of(values), values.to(torch::kDouble).norm().item<double>(), 1e-9);
  EXPECT_EQ(norm_of(at::zeros({7})), 0);
  Tensor broken = at::zeros({70000});
  broken[69999] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(std::isfinite(norm_of(broken)));
}

TEST(Average, WarmsUpAndFollows) {
  EXPECT_DOUBLE_EQ(ema_decay_at(0.999, 0), 0.1);
  EXPECT_DOUBLE_EQ(ema_decay_at(0.999, 8), 0.5);
  EXPECT_DOUBLE_EQ(ema_decay_at(0.999, 1000000), 0.999);
  Tensor average = at::zeros({4});
  double expected = 0;
  for (int t = 1; t <= 30; ++t) {
    const double decay = ema_decay_at(0.9, t);
    update_average(average, at::full({4}, static_cast<float>(t)), decay);
    expected = decay * expected + (1 - decay) * t;
  }
  EXPECT_NEAR(average[3].item<double>(), expected, 1e-4);
}

TEST(LearningRate, ClimbsAndFallsToItsFloor) {
  LearningRateConfig config;
  config.peak = 1e-3;
  config.warmup_samples = 100;
  config.floor_fraction = 0.1;
  EXPECT_NEAR(learning_rate(config, 50, 1100), 5e-4, 1e-12);
  EXPECT_NEAR(learning_rate(config, 100, 1100), 1e-3, 1e-12);
  EXPECT_NEAR(learning_rate(config, 600, 1100), 1e-3 * 0.55, 1e-12);
  EXPECT_NEAR(learning_rate(config, 1100, 1100), 1e-4, 1e-12);
  config.decay = "linear";
  EXPECT_NEAR(learning_rate(config, 350, 1100), 1e-3 * (0.1 + 0.9 * 0.75), 1e-12);
  config.decay = "constant";
  EXPECT_NEAR(learning_rate(config, 1100, 1100), 1e-3, 1e-12);
  config.decay = "stairs";
  EXPECT_THROW(check(config), Error);
}

TEST(ParameterBuffer, HoldsParametersAndTheirGradientsInOnePiece) {
  Tensor bias = noise({5}, 1), matrix = noise({3, 7}, 2);
  const Tensor old_bias = bias.clone(), old_matrix = matrix.clone();
  ParameterBuffer buffer({{"bias", &bias}, {"matrix", &matrix}});
  EXPECT_EQ(buffer.spans()[0].last, 32);  // 21 numbers, filled up to a multiple of 16
  EXPECT_EQ(buffer.size(), 48);
  EXPECT_EQ(buffer.count(), 26);
  EXPECT_TRUE(bias.equal(old_bias) && matrix.equal(old_matrix));
  EXPECT_EQ(buffer.layout(), "matrix [3, 7]\nbias [5]\n");

  const Tensor input = noise({2, 7}, 3);
  for (int pass = 0; pass < 2; ++pass)
    (at::matmul(input, matrix.t()).sum() + bias.sum()).backward();
  const Tensor expected = (2 * input.sum(0)).expand({3, 7});
  EXPECT_LT(
      (buffer.gradients().narrow(0, 0, 21).view({3, 7}) - expected).abs().max().item<double>(),
      1e-5);
  EXPECT_TRUE(buffer.gradients().narrow(0, 32, 5).equal(at::full({5}, 2.0f)));

  const Tensor others = at::ones({48});
  {
    const SwappedWeights swapped(buffer.weights(), others);
    EXPECT_TRUE(matrix.detach().equal(at::ones({3, 7})));
  }
  EXPECT_TRUE(matrix.detach().equal(old_matrix));
  EXPECT_TRUE(others.equal(at::ones({48})));
}

}  // namespace
}  // namespace sumi
