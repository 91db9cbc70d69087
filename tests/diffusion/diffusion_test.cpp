#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "diffusion/guidance.h"
#include "diffusion/plan.h"
#include "diffusion/spacing.h"
#include "gaussian.h"

namespace sumi {
namespace {

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return std::string(error.what()) + " | " + error.hint();
  }
  return "";
}

TEST(Schedules, TimestepAndLevelAreInverse) {
  for (const char* kind : {"linear", "scaled_linear", "squaredcos_cap_v2", "flow", "angle"}) {
    ScheduleConfig config;
    config.beta_schedule = kind;
    const Schedule schedule(config);
    const double scale = schedule.level(0.5).sigma > 0.1 ? 1000 : 1;  // `angle` runs from 0 to 1
    for (const double t : {3.0, 17.25, 500.0, 998.5})
      EXPECT_NEAR(schedule.timestep_of(schedule.level(t / scale)) * scale, t, 1e-4) << kind;
  }
  ScheduleConfig edm;
  edm.beta_schedule = "edm";
  edm.sigma_min = 0.002;
  edm.sigma_max = 80;
  EXPECT_NEAR(Schedule(edm).timestep_of(Schedule(edm).level(-0.3)), -0.3, 1e-12);
}

TEST(Schedules, ZeroTerminalSnr) {
  ScheduleConfig config;
  const Schedule plain(config);
  config.rescale_betas_zero_snr = true;
  const Schedule zero(config);
  EXPECT_EQ(zero.alphas_cumprod().back(), 0);
  EXPECT_NEAR(zero.alphas_cumprod().front(), plain.alphas_cumprod().front(), 1e-6);
  EXPECT_EQ(zero.level(999), (NoiseLevel{0, 1}));
  EXPECT_NEAR(zero.ratio_max(), std::sqrt(std::exp2(24) - 1), 0.1);
  EXPECT_EQ(zero.timestep_of({0, 1}), 999);
}

TEST(Schedules, UnknownNamesAreListed) {
  ScheduleConfig config;
  config.beta_schedule = "quadratic";
  EXPECT_THAT(message_of([&] { Schedule{config}; }), ::testing::HasSubstr("scaled_linear"));
  EXPECT_THAT(message_of([] { prediction_of("noise"); }), ::testing::HasSubstr("epsilon"));
}

TEST(Spacing, BetaQuantile) {
  for (const double p : {0.01, 0.2, 0.5, 0.9}) {
    EXPECT_NEAR(beta_quantile(p, 1, 1), p, 1e-12);
    EXPECT_NEAR(beta_quantile(p, 2, 1), std::sqrt(p), 1e-12);  // cumulative x²
    EXPECT_NEAR(beta_quantile(p, 0.5, 0.5), std::pow(std::sin(p * std::acos(0.0)), 2),
                1e-10);  // arcsine law
  }
}

TEST(Spacing, EveryNameFallsToNoNoise) {
  for (const auto name : spacing_names()) {
    for (const char* sampler : {"Euler", "DPM++ 2M", "DDIM"}) {
      ScheduleConfig config;
      config.timestep_spacing = std::string(name);
      config.set_alpha_to_one = true;
      const auto plan = make_plan(config, find_sampler(sampler), 12);
      ASSERT_EQ(plan.levels.size(), 13u) << name << sampler;
      ASSERT_EQ(plan.timesteps.size(), 12u) << name << sampler;
      for (std::size_t i = 0; i + 1 < plan.levels.size(); ++i)
        EXPECT_GT(plan.levels[i].ratio(), plan.levels[i + 1].ratio()) << name << sampler << i;
    }
  }
}

TEST(Spacing, OneStepStartsAtTheNoisyEnd) {
  for (const auto name :
       {"karras", "exponential", "linspace", "trailing", "simple", "sgm_uniform"}) {
    ScheduleConfig config;
    config.timestep_spacing = name;
    const auto plan = make_plan(config, find_sampler("Euler"), 1);
    EXPECT_NEAR(plan.levels.front().ratio(), plan.schedule.ratio_max(), 1e-4) << name;
  }
}

TEST(Parameterisations, APerfectNetworkGivesTheCleanLatentsInEveryScaling) {
  const auto clean = torch::randn({2, 3}, torch::kFloat64),
             noise = torch::randn({2, 3}, torch::kFloat64);
  const NoiseLevel base = preserving(1.7);
  const auto target = [&](Prediction what) -> Tensor {
    if (what == Prediction::epsilon) return noise;
    if (what == Prediction::velocity) return base.alpha * noise - base.sigma * clean;
    if (what == Prediction::sample) return clean;
    return noise - clean;
  };
  for (const auto what :
       {Prediction::epsilon, Prediction::velocity, Prediction::sample, Prediction::flow}) {
    const NoiseLevel home = what == Prediction::flow ? NoiseLevel{1 / 2.7, 1.7 / 2.7} : base;
    for (const double k : {1.0, 0.3, 1 / base.alpha}) {
      const NoiseLevel level{k * base.alpha, k * base.sigma};
      const Network perfect = [&](const Tensor& input, const Tensor& timestep) {
        EXPECT_TRUE(torch::allclose(input, add_noise(clean, noise, home)));
        EXPECT_EQ(timestep[1].item<float>(), 7);
        return target(what);
      };
      const auto denoise = precondition(perfect, what, [](NoiseLevel) { return 7; });
      EXPECT_TRUE(torch::allclose(denoise(add_noise(clean, noise, level), level), clean))
          << int(what);
    }
  }
}

TEST(Parameterisations, TrainingTargets) {
  const auto clean = torch::randn({3, 2, 4, 4}), noise = torch::randn({3, 2, 4, 4});
  const std::vector<NoiseLevel> levels{preserving(0.01), preserving(1), preserving(40)};
  const auto column = [&](auto pick) {
    std::vector<float> values;
    for (const auto level : levels) values.push_back(float(pick(level)));
    return torch::tensor(values).view({3, 1, 1, 1});
  };
  const auto alpha = column([](NoiseLevel l) { return l.alpha; });
  const auto sigma = column([](NoiseLevel l) { return l.sigma; });
  const auto eps = training_pair(Prediction::epsilon, clean, noise, levels);
  EXPECT_TRUE(torch::allclose(eps.target, noise, 1e-5, 1e-6));
  EXPECT_TRUE(torch::allclose(eps.input, alpha * clean + sigma * noise, 1e-5, 1e-6));
  const auto v = training_pair(Prediction::velocity, clean, noise, levels);
  EXPECT_TRUE(torch::allclose(v.target, alpha * noise - sigma * clean, 1e-5, 1e-5));
  EXPECT_TRUE(
      torch::allclose(training_pair(Prediction::sample, clean, noise, levels).target, clean));
  const std::vector<NoiseLevel> straight{{0.9, 0.1}, {0.5, 0.5}, {0, 1}};
  EXPECT_TRUE(torch::allclose(training_pair(Prediction::flow, clean, noise, straight).target,
                              noise - clean, 1e-5, 1e-5));
}

TEST(Parameterisations, MinSnrWeights) {
  const std::vector<NoiseLevel> levels{preserving(0.1), preserving(1),
                                       preserving(10)};  // SNR 100, 1, 0.01
  const auto expect = [&](Prediction what, std::vector<float> expected) {
    const auto weights = loss_weights(what, levels, LossWeighting::min_snr, 5);
    EXPECT_TRUE(torch::allclose(weights, torch::tensor(expected), 1e-4, 1e-6)) << weights;
  };
  expect(Prediction::epsilon, {5.0f / 100, 1, 1});
  expect(Prediction::velocity, {5.0f / 101, 0.5f, 0.01f / 1.01f});
  expect(Prediction::sample, {5, 1, 0.01f});
  EXPECT_TRUE(torch::equal(loss_weights(Prediction::velocity, levels, LossWeighting::uniform),
                           torch::ones({3})));
}

Denoiser constant(double value, int* calls = nullptr) {
  return [=](const Tensor& x, NoiseLevel) {
    if (calls) ++*calls;
    return torch::full_like(x, value);
  };
}

TEST(Guidance, MovesAwayFromTheNegative) {
  const auto x = torch::zeros({1, 2});
  EXPECT_FLOAT_EQ(with_guidance(constant(1), constant(0.5), 3)(x, {1, 1})[0][0].item<float>(), 2);
  int negatives = 0;
  EXPECT_FLOAT_EQ(
      with_guidance(constant(1), constant(0.5, &negatives), 1)(x, {1, 1})[0][0].item<float>(), 1);
  EXPECT_EQ(negatives, 0);
}

TEST(Guidance, OnlyInsideTheInterval) {
  int negatives = 0;
  const Guidance guidance{.scale = 3, .ratio_low = 0.3, .ratio_high = 2};
  const auto denoise = with_guidance(constant(1), constant(0.5, &negatives), guidance);
  const auto at = [&](NoiseLevel level) {
    return denoise(torch::zeros({1, 1}), level).item<float>();
  };
  EXPECT_FLOAT_EQ(at({1, 0.2}), 1);
  EXPECT_FLOAT_EQ(at({1, 1}), 2);
  EXPECT_FLOAT_EQ(at({0.5, 0.5}), 2);
  EXPECT_FLOAT_EQ(at({1, 5}), 1);
  EXPECT_EQ(negatives, 2);
}

TEST(Guidance, CompositionIsAWeightedSum) {
  const std::vector<Denoiser> positives{constant(1), constant(2)};
  const auto denoise = with_guidance(positives, {1.0, 0.5}, constant(0), Guidance{.scale = 2});
  EXPECT_FLOAT_EQ(denoise(torch::zeros({1, 1}), {1, 1}).item<float>(), 2 * (1 + 0.5 * 2));
  EXPECT_THROW(with_guidance(positives, {1.0}, constant(0), Guidance{}), Error);
  const auto one = torch::ones({1, 2});
  EXPECT_TRUE(torch::allclose(combine_edit(3 * one, 2 * one, one, 7, 1.5), (1 + 1.5 + 7) * one));
}

TEST(Guidance, RescaleRestoresEachItemsContrast) {
  const auto positive = torch::randn({2, 4, 8, 8}),
             guided = 3 * positive + 0.1 * torch::randn({2, 4, 8, 8});
  const auto full = rescale_contrast(guided, positive, 1);
  for (int i = 0; i < 2; ++i)
    EXPECT_NEAR(full[i].std().item<float>(), positive[i].std().item<float>(), 1e-5);
  EXPECT_TRUE(torch::allclose(rescale_contrast(guided, positive, 0.7), 0.7 * full + 0.3 * guided));
  // As a decorator it acts on the noise estimates.
  const auto x = torch::randn({2, 4, 8, 8});
  const NoiseLevel level = preserving(1);
  const Denoiser plus = [&](const Tensor& y, NoiseLevel) { return 0.5 * y; };
  const auto result =
      with_guidance(plus, constant(0), Guidance{.scale = 5, .rescale = 1})(x, level);
  const auto noise = (x - level.alpha * result) / level.sigma;
  const auto wanted = (x - level.alpha * 0.5 * x) / level.sigma;
  EXPECT_NEAR(noise[1].std().item<float>(), wanted[1].std().item<float>(), 1e-4);
}

TEST(Limits, ClippingAndThresholding) {
  const auto clean = torch::linspace(-4, 4, 101).view({1, 101});
  EXPECT_EQ(clip_range(clean, 1.5).max().item<float>(), 1.5);
  const auto limited = dynamic_threshold(clean, 0.9, 100);
  EXPECT_EQ(limited.max().item<float>(), 1);
  EXPECT_NEAR(limited[0][60].item<float>(), clean[0][60].item<float>() / 3.6, 1e-3);
  EXPECT_TRUE(
      torch::equal(dynamic_threshold(clean / 10, 0.9, 100), clean / 10));  // below 1: as it is
  const auto kept = with_mask(constant(1), torch::full({1, 2}, 5.0), torch::tensor({{0.0, 1.0}}));
  EXPECT_TRUE(torch::allclose(kept(torch::zeros({1, 2}), {1, 1}), torch::tensor({{5.0, 1.0}})));
}

TEST(Table, EverySpellingFindsOneRow) {
  std::set<std::string> seen;
  for (const auto& row : samplers()) {
    EXPECT_EQ(&find_sampler(row.name), &row);
    for (const auto alias : row.aliases) {
      if (alias.empty()) continue;
      EXPECT_EQ(&find_sampler(alias), &row) << alias;
      EXPECT_TRUE(seen.insert(std::string(alias)).second) << alias;
    }
  }
  EXPECT_EQ(find_sampler("euler A").name, "Euler a");
  EXPECT_EQ(find_sampler("dpm++_2m-sde").name, "DPM++ 2M SDE");
  const auto split = split_sampler_name("DPM++ 2M SDE Karras");
  EXPECT_EQ(split.sampler, "DPM++ 2M SDE");
  EXPECT_EQ(split.spacing, "karras");
  EXPECT_EQ(split_sampler_name("Euler").spacing, "");
}

TEST(Table, CallsPerStepAreTrue) {
  for (const auto& sampler : samplers()) {
    if (sampler.name == "DPM adaptive" || sampler.name == "iPNDM") continue;
    constexpr int kSteps = 12;
    const auto plan = make_plan(ScheduleConfig{}, sampler, kSteps);
    int calls = 0;
    plan.run(constant(0.1, &calls), torch::randn({1, 4, 2, 2}),
             [](const Tensor& like) { return torch::zeros_like(like); });
    // The last step of a two-call sampler needs one, and PLMS asks twice in its first.
    EXPECT_NEAR(calls, kSteps * sampler.calls_per_step, 1) << sampler.name;
  }
}

TEST(Plans, BadInputIsAnErrorThatHelps) {
  const ScheduleConfig config;
  const auto& euler = find_sampler("Euler");
  EXPECT_THAT(message_of([&] { make_plan(config, euler, 0); }), ::testing::HasSubstr("use 1 to"));
  EXPECT_THAT(message_of([&] { make_plan(config, euler, -3); }), ::testing::HasSubstr("use 1 to"));
  EXPECT_THAT(message_of([&] { make_plan(config, euler, 5000); }),
              ::testing::HasSubstr("use 1 to"));
  EXPECT_THAT(message_of([] { find_sampler("Eulr"); }), ::testing::HasSubstr("DPM++ 2M SDE"));
  ScheduleConfig odd;
  odd.timestep_spacing = "carras";
  EXPECT_THAT(message_of([&] { make_plan(odd, euler, 10); }), ::testing::HasSubstr("karras"));
  EXPECT_THROW(first_step(10, 1.5), Error);
  EXPECT_THROW(first_step(10, NAN), Error);
  EXPECT_THROW(make_plan(config, euler, 10).from_step(10), Error);
  EXPECT_THROW(make_plan(config, find_sampler("LCM"), 60), Error);
  const auto plan = make_plan(config, find_sampler("Euler a"), 4);
  EXPECT_THROW(plan.run(constant(0), torch::zeros({1, 1})), Error);
}

TEST(Plans, StartImages) {
  EXPECT_EQ(first_step(50, 0.75), 13u);  // diffusers: int(50 * 0.75) = 37 steps are left
  EXPECT_EQ(first_step(20, 1), 0u);
  EXPECT_EQ(first_step(20, 0), 20u);
  const auto plan = make_plan(ScheduleConfig{}, find_sampler("DDIM"), 20);
  const auto rest = plan.from_step(8);
  EXPECT_EQ(rest.timesteps.size(), 12u);
  EXPECT_EQ(rest.levels.front(), plan.levels[8]);
}

TEST(Plans, DiffusersConfigurations) {
  const auto json = parse_json(
      R"({"_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012,
          "beta_schedule": "scaled_linear", "beta_start": 0.00085, "num_train_timesteps": 1000,
          "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1, "trained_betas": null,
          "clip_sample": false, "from_the_future": 3})",
      "scheduler_config.json");
  const auto scheduler = read_diffusers_scheduler(json, "scheduler_config.json");
  EXPECT_EQ(scheduler.sampler->name, "PLMS");
  EXPECT_EQ(scheduler.config.timestep_spacing, "leading");
  EXPECT_EQ(scheduler.config.steps_offset, 1);
  EXPECT_THAT(
      message_of([] { read_diffusers_scheduler(parse_json(R"({"_class_name": "X"})", "f"), "f"); }),
      ::testing::HasSubstr("EulerDiscreteScheduler"));
  EXPECT_THROW(read_diffusers_scheduler(parse_json("{}", "f"), "f"), Error);
  ScheduleConfig back;
  from_json(to_json(scheduler.config), back, "f");
  EXPECT_EQ(to_json(back), to_json(scheduler.config));
}

}  // namespace
}  // namespace sumi
