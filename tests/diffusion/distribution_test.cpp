#include <gtest/gtest.h>

#include <cstdio>

#include "diffusion/plan.h"
#include "diffusion/spacing.h"
#include "gaussian.h"

namespace sumi {
namespace {

constexpr double kDeviation = 0.5, kMean = 0.7;

/// A run of a sampler over Gaussian data: x0, the denoiser's data and a noise source -> result.
using Trial = std::function<Tensor(const GaussianData&, const Tensor& start, const NoiseSource&)>;

/// Mean and variance of a sampler's results, without sampling: over Gaussian data every sampler is
/// affine in its start and its draws, so that the variance is the sum of the squared answers to a
/// one in each of them, and the mean is the answer to zeros.
struct Moments {
  double mean, variance;
};

Moments moments(const Trial& run, std::int64_t most_draws) {
  const auto options = torch::dtype(torch::kFloat64);
  const auto silence = [](const Tensor& like) { return torch::zeros_like(like); };
  const auto mean = run({kMean, kDeviation}, torch::zeros({1, 1}, options), silence);

  std::int64_t draws = 0;
  const auto one_by_one = [&](const Tensor& like) {
    auto draw = torch::zeros_like(like);
    if (++draws < draw.size(0)) draw[draws] = 1;
    return draw;
  };
  auto start = torch::zeros({most_draws + 1, 1}, options);
  start[0] = 1;
  const auto answers = run({0, kDeviation}, start, one_by_one);
  EXPECT_LE(draws, most_draws);
  return {mean.item<double>(), answers.square().sum().item<double>()};
}

/// Relative error of the variance.
double bias(const Moments& m) { return m.variance / (kDeviation * kDeviation) - 1; }

std::vector<NoiseLevel> karras_levels(int steps, NoiseLevel (*scaled)(double)) {
  std::vector<NoiseLevel> levels;
  for (const double ratio : karras_ratios(steps, 0.01, 80)) levels.push_back(scaled(ratio));
  levels.push_back({1, 0});
  return levels;
}

Moments at_steps(const Sampler& sampler, const SamplerOptions& options, int steps) {
  const bool narrow = sampler.name == "DDPM";
  const auto levels = karras_levels(steps, narrow ? preserving : exploding);
  const Trial run = [&](const GaussianData& data, const Tensor& start, const NoiseSource& noise) {
    return sampler.run(data.denoiser(), start * levels.front().sigma, levels, options, noise);
  };
  return moments(run, 2 * steps + 2);
}

/// The results' variance goes to the data's as the steps grow: in proportion or faster.
void expect_the_data(const char* name, const SamplerOptions& options) {
  const auto few = at_steps(find_sampler(name), options, 60);
  const auto many = at_steps(find_sampler(name), options, 240);
  std::printf("%-20s variance %+.2f%% with 60 steps, %+.2f%% with 240\n", name, 100 * bias(few),
              100 * bias(many));
  EXPECT_NEAR(many.mean, kMean, 0.01) << name;
  EXPECT_LT(std::abs(bias(many)), 0.07) << name;
  EXPECT_LT(std::abs(bias(many)), 0.4 * std::abs(bias(few)) + 0.003) << name;
}

TEST(Distribution, StochasticSamplersDrawTheData) {
  for (const char* name : {"Euler a", "DDPM", "DPM2 a", "DPM++ 2S a", "DPM++ SDE", "DPM++ 2M SDE",
                           "DPM++ 2M SDE Heun", "DPM++ 3M SDE", "Restart"}) {
    const auto& sampler = find_sampler(name);
    expect_the_data(
        name, {.eta = sampler.eta, .order = std::max(1, sampler.order), .solver = sampler.solver});
  }
}

TEST(Distribution, ChurnDrawsTheData) {
  for (const char* name : {"Euler", "Heun", "DPM2"})
    expect_the_data(name, {.s_churn = 20, .s_tmin = 0.05, .s_tmax = 50});
}

/// Every row of the table, with its own spacing over Stable Diffusion's schedule, through a
/// network.
TEST(Distribution, EveryRowDrawsTheData) {
  for (const auto& sampler : samplers()) {
    // Adaptive steps are not affine. LCM's formula, and TCD's above eta 0, jump far in one go and
    // come back: exact only for a network distilled for it.
    if (sampler.name == "LCM" || sampler.name == "DPM adaptive" || sampler.name == "DDIM inverse")
      continue;
    ScheduleConfig config;
    config.original_inference_steps = 1000;
    if (sampler.name == "iPNDM") {
      config.beta_schedule = "angle";
      config.prediction_type = "v_prediction";
    }
    const int steps = 250;
    auto plan = make_plan(config, sampler, steps);
    if (sampler.name == "TCD") plan.options.eta = 0;
    const Trial run = [&](const GaussianData& data, const Tensor& start, const NoiseSource& noise) {
      const auto network = data.network(plan.parameterisation, plan.schedule);
      return plan.run(plan.denoiser(network), plan.initial_scale * start, noise);
    };
    const auto m = moments(run, 2 * steps + 2);
    std::printf("%-20s mean %+.4f variance %+.2f%%\n", std::string(sampler.name).c_str(),
                m.mean - kMean, 100 * bias(m));
    // The schedule's last level keeps 7% of the signal, which a start of pure noise lacks.
    EXPECT_NEAR(m.mean, kMean, 0.04) << sampler.name;
    EXPECT_NEAR(bias(m), 0, 0.06) << sampler.name;
  }
}

/// The same with draws of a real generator, within statistical bounds.
TEST(Distribution, SampledMomentsAgree) {
  constexpr int kSamples = 20'000, kSteps = 60;
  auto draw = torch_cpu_noise(11);
  const NoiseSource noise = [&](const Tensor& like) {
    return draw(like.sizes()).to(like.scalar_type());
  };
  for (const char* name : {"DPM++ 2M SDE", "Euler a"}) {
    const auto& sampler = find_sampler(name);
    const SamplerOptions options{.eta = 1, .order = 2};
    const auto levels = karras_levels(kSteps, exploding);
    const auto start = 80 * noise(torch::empty({kSamples, 1}, torch::kFloat64));
    const auto result =
        sampler.run(GaussianData{kMean, kDeviation}.denoiser(), start, levels, options, noise);
    const auto exact = at_steps(sampler, options, kSteps);
    EXPECT_NEAR(result.mean().item<double>(), exact.mean, 5 * kDeviation / std::sqrt(kSamples))
        << name;
    EXPECT_NEAR(result.var().item<double>() / exact.variance, 1, 5 * std::sqrt(2.0 / kSamples))
        << name;
  }
}

TEST(Distribution, ZeroTerminalSnrReachesTheMean) {
  // Lin et al. 2023: without it, x starts with signal that is not there and the mean is pulled to
  // 0.
  ScheduleConfig config;
  config.prediction_type = "v_prediction";
  config.timestep_spacing = "trailing";
  const auto mean_of = [&] {
    const auto plan = make_plan(config, find_sampler("DDIM"), 50);
    const GaussianData data{kMean, kDeviation};
    const auto denoise = plan.denoiser(data.network(plan.parameterisation, plan.schedule));
    return plan.run(denoise, torch::zeros({1, 1}, torch::kFloat64)).item<double>();
  };
  const double pulled = kMean - mean_of();
  config.rescale_betas_zero_snr = true;
  EXPECT_EQ(make_plan(config, find_sampler("DDIM"), 50).levels.front(), (NoiseLevel{0, 1}));
  EXPECT_LT(std::abs(kMean - mean_of()), 0.3 * pulled);

  config.prediction_type = "epsilon";
  EXPECT_THROW(make_plan(config, find_sampler("DDIM"), 50), Error);
}

TEST(Distribution, InversionIsUndone) {
  const GaussianData data{kMean, kDeviation};
  const Schedule schedule{ScheduleConfig{}};
  const auto up = make_plan(ScheduleConfig{}, find_sampler("DDIM inverse"), 200);
  const auto clean = torch::tensor({0.1, 0.7, 1.9}, torch::kFloat64).view({3, 1});
  const auto noisy = up.run(up.denoiser(data.network(up.parameterisation, schedule)), clean);
  const auto down = make_plan(ScheduleConfig{}, find_sampler("DDIM"), 200);
  const auto back = down.run(down.denoiser(data.network(down.parameterisation, schedule)), noisy);
  EXPECT_TRUE(torch::allclose(back, clean, 0.02, 0.02));
}

}  // namespace
}  // namespace sumi
