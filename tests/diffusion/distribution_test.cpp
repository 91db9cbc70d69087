#include <gtest/gtest.h>

#include "diffusion/plan.h"
#include "diffusion/spacing.h"
#include "gaussian.h"

namespace sumi {
namespace {

const GaussianData kData;
constexpr int kSamples = 40'000;

NoiseSource seeded(std::uint64_t seed) {
  auto draw = torch_cpu_noise(seed);
  return [draw](const Tensor& like) { return draw(like.sizes()).to(like.scalar_type()); };
}

/// Mean and variance of x against N(mean, deviation²): five standard errors and the solver's share.
void expect_gaussian(const Tensor& x, double solver_share, const std::string& name) {
  const double variance = kData.deviation * kData.deviation;
  const double mean = x.mean().item<double>(), spread = x.var().item<double>();
  std::printf("%-20s mean %+.4f variance %+.2f%%\n", name.c_str(), mean - kData.mean,
              100 * (spread / variance - 1));
  EXPECT_NEAR(mean, kData.mean,
              5 * kData.deviation / std::sqrt(kSamples) + solver_share * kData.deviation)
      << name;
  EXPECT_NEAR(spread / variance, 1, 5 * std::sqrt(2.0 / kSamples) + solver_share) << name;
}

/// Stochastic samplers with many steps, from noise far above the data to none.
TEST(Distribution, StochasticSamplersDrawTheData) {
  std::vector<NoiseLevel> levels;
  for (const double ratio : karras_ratios(120, 0.01, 80)) levels.push_back(exploding(ratio));
  levels.push_back({1, 0});
  for (const char* name : {"Euler a", "DDPM", "DPM2 a", "DPM++ 2S a", "DPM++ SDE", "DPM++ 2M SDE",
                           "DPM++ 2M SDE Heun", "DPM++ 3M SDE", "Restart", "TCD"}) {
    const auto& sampler = find_sampler(name);
    const SamplerOptions options{
        .eta = sampler.eta, .order = std::max(1, sampler.order), .solver = sampler.solver};
    const auto noise = seeded(11);
    const auto x = 80 * noise(torch::empty({kSamples, 1}, torch::kFloat64));
    const auto scaled = sampler.name == "TCD" || sampler.name == "DDPM";
    std::vector<NoiseLevel> own = levels;
    if (scaled)
      for (auto& level : own) level = preserving(level.ratio());
    const auto result = sampler.run(kData.denoiser(), x * own.front().alpha, own, options, noise);
    expect_gaussian(result, 0.03, name);
  }
}

TEST(Distribution, ChurnDrawsTheData) {
  std::vector<NoiseLevel> levels;
  for (const double ratio : karras_ratios(100, 0.01, 80)) levels.push_back(exploding(ratio));
  levels.push_back({1, 0});
  const auto noise = seeded(12);
  const auto x = 80 * noise(torch::empty({kSamples, 1}, torch::kFloat64));
  for (const char* name : {"Euler", "Heun", "DPM2"}) {
    const SamplerOptions options{.s_churn = 20, .s_tmin = 0.05, .s_tmax = 50};
    expect_gaussian(find_sampler(name).run(kData.denoiser(), x, levels, options, noise), 0.04,
                    name);
  }
}

/// Every row of the table, with its own spacing over Stable Diffusion's schedule, through a
/// network.
TEST(Distribution, EveryRowDrawsTheData) {
  for (const auto& sampler : samplers()) {
    // LCM's formula asks for a network trained to jump; iPNDM and inversion have tests of their
    // own.
    if (sampler.name == "LCM" || sampler.name == "DDIM inverse") continue;
    ScheduleConfig config;
    if (sampler.name == "iPNDM") {
      config.beta_schedule = "angle";
      config.prediction_type = "v_prediction";
    }
    const auto plan = make_plan(config, sampler, 40);
    const auto noise = seeded(13);
    const auto x = plan.initial_scale * noise(torch::empty({kSamples, 1}, torch::kFloat64));
    const auto network = kData.network(plan.parameterisation, plan.schedule);
    expect_gaussian(plan.run(plan.denoiser(network), x, noise), 0.12, std::string(sampler.name));
  }
}

TEST(Distribution, ZeroTerminalSnrReachesTheMeanExactly) {
  // Lin et al. 2023: without it, x starts with signal that is not there and the mean is pulled to
  // 0.
  ScheduleConfig config;
  config.rescale_betas_zero_snr = true;
  config.prediction_type = "v_prediction";
  config.timestep_spacing = "trailing";
  const auto plan = make_plan(config, find_sampler("DDIM"), 50);
  EXPECT_EQ(plan.levels.front(), (NoiseLevel{0, 1}));
  const auto noise = seeded(14);
  const auto x = noise(torch::empty({kSamples, 1}, torch::kFloat64));
  const auto result =
      plan.run(plan.denoiser(kData.network(plan.parameterisation, plan.schedule)), x);
  EXPECT_NEAR(result.mean().item<double>(), kData.mean, 0.015);

  config.prediction_type = "epsilon";
  EXPECT_THROW(make_plan(config, find_sampler("DDIM"), 50), Error);
}

TEST(Distribution, InversionIsUndone) {
  const Schedule schedule{ScheduleConfig{}};
  const auto up = make_plan(ScheduleConfig{}, find_sampler("DDIM inverse"), 200);
  const auto clean = torch::tensor({0.1, 0.7, 1.9}, torch::kFloat64).view({3, 1});
  const auto noisy = up.run(up.denoiser(kData.network(up.parameterisation, schedule)), clean);
  const auto down = make_plan(ScheduleConfig{}, find_sampler("DDIM"), 200);
  const auto back = down.run(down.denoiser(kData.network(down.parameterisation, schedule)), noisy);
  EXPECT_TRUE(torch::allclose(back, clean, 0.02, 0.02));
}

}  // namespace
}  // namespace sumi
