#include <gtest/gtest.h>

#include "core/json.h"
#include "diffusion/plan.h"
#include "trace.h"
#include "weights/state_dict.h"

namespace sumi {
namespace {

const std::filesystem::path kFolder = reference_folder() / "schedulers";

std::vector<std::string> config_keys() {
  std::vector<std::string> keys{"sigma_schedule", "interpolation_type"};
  ScheduleConfig config;
  ScheduleConfig::fields(config,
                         [&](const char* name, const auto&, const char*) { keys.push_back(name); });
  return keys;
}

/// The case's plan; throws Error for what Sumi does not know.
Plan plan_of(const Json& test) {
  Json json = test.at("config");
  if (const auto why = foreign_key(json, config_keys()); !why.empty()) throw Error(why);
  json["_class_name"] = test.at("class");
  const auto scheduler = read_diffusers_scheduler(json, test.at("name"));
  CustomSteps custom;
  if (const auto found = test.find("set_timesteps_kwargs"); found != test.end()) {
    if (const auto why = foreign_key(*found, {"timesteps", "sigmas"}); !why.empty())
      throw Error(why);
    custom.timesteps = found->value("timesteps", std::vector<double>{});
    custom.sigmas = found->value("sigmas", std::vector<double>{});
  }
  auto plan =
      make_plan(scheduler.config, *scheduler.sampler, test.at("num_inference_steps"), custom);
  if (const auto found = test.find("step_kwargs"); found != test.end()) {
    const auto why =
        foreign_key(*found, {"eta", "s_churn", "s_tmin", "s_tmax", "s_noise", "order"});
    if (!why.empty()) throw Error(why);
    auto& options = plan.options;
    options.eta = found->value("eta", options.eta);
    options.order = found->value("order", options.order);
    options.s_churn = found->value("s_churn", options.s_churn);
    options.s_tmin = found->value("s_tmin", options.s_tmin);
    options.s_tmax = found->value("s_tmax", options.s_tmax);
    options.s_noise = found->value("s_noise", options.s_noise);
    options.stale_churn = plan.parameterisation;
  }
  return plan;
}

NoiseSource recorded_noise(const StateDict& data, const std::string& name) {
  const auto found = data.find(name + "/noise");
  return found == data.end() ? nullptr : replay_noise(found->second);
}

/// diffusers repeats the level of a step that calls the network twice, and lists zeros that no step
/// reaches: each level once, and as many as ours.
Tensor distinct(const Tensor& sigmas, std::size_t count) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < sigmas.numel(); ++i) {
    const double v = sigmas[i].item<double>();
    if (values.empty() || v != values.back()) values.push_back(v);
  }
  while (values.size() > count && values.back() == 0) values.pop_back();
  return torch::tensor(values, torch::kFloat64);
}

Tensor ratios_of(const Plan& plan, bool flow) {
  std::vector<double> values;
  for (const auto level : plan.levels) {
    const double v = flow ? level.sigma : level.ratio();
    if (values.empty() || v != values.back()) values.push_back(v);
  }
  return torch::tensor(values, torch::kFloat64);
}

/// Runs the plan from `x`, and compares every call and the result.
void compare_run(const Plan& plan, const Tensor& x, const StateDict& data, const std::string& name,
                 Comparison& comparison) {
  Trace trace;
  const auto denoise = traced(plan.denoiser(recorded_network(trace)), trace);
  trace.latents.reserve(64);
  const auto result = plan.run(denoise, x, recorded_noise(data, name));
  trace.latents.push_back(result);
  comparison.tables(trace.times(), data.at(name + "/timesteps"), "timesteps");
  comparison.trajectory(torch::stack(trace.latents), data.at(name + "/x"), "x");
  if (const auto found = data.find(name + "/model_input"); found != data.end())
    comparison.trajectory(torch::stack(trace.inputs), found->second, "model_input");
}

TEST(Schedulers, TrajectoriesAreDiffusers) {
  const auto json = read_json(kFolder / "schedulers.json");
  const auto data = load_state_dict(kFolder / "schedulers.safetensors");
  int left_out = 0, covered = 0;
  for (const auto& test : json.at("cases")) {
    const std::string name = test.at("name");
    Comparison comparison(name);
    try {
      const auto plan = plan_of(test);
      const auto schedule = plan.schedule.alphas_cumprod();
      if (test.contains("alphas_cumprod"))
        comparison.tables(
            torch::tensor(std::vector<double>(schedule.begin(), schedule.end()), torch::kFloat64),
            data.at(test.at("alphas_cumprod").get<std::string>()), "alphas_cumprod");
      const bool flow = plan.parameterisation.prediction == Prediction::flow;
      if (const auto found = data.find(name + "/sigmas"); found != data.end()) {
        const auto ours = ratios_of(plan, flow);
        comparison.tables(ours, distinct(found->second, std::size_t(ours.numel())), "sigmas");
      }
      EXPECT_NEAR(plan.initial_scale, test.at("init_noise_sigma").get<double>(),
                  1e-5 * plan.initial_scale)
          << name;
      compare_run(plan, data.at(name + "/x")[0], data, name, comparison);
      ++covered;
      comparison.print();
    } catch (const Error& error) {
      not_covered(name, error.what());
      ++left_out;
    }
  }
  fmt::print("{} cases compared, {} not covered\n", covered, left_out);
  EXPECT_GT(covered, 0);
}

TEST(Schedulers, StartImagesAreDiffusers) {
  const auto json = read_json(kFolder / "schedulers.json");
  const auto data = load_state_dict(kFolder / "schedulers.safetensors");
  int covered = 0;
  for (const auto& test : json.at("add_noise_cases")) {
    const std::string name = "add_noise/" + test.at("name").get<std::string>();
    Comparison comparison(name);
    try {
      const auto first = test.at("start_index").get<std::size_t>();
      auto plan = plan_of(test);
      EXPECT_NEAR(plan.timesteps[first], test.at("timestep").get<double>(), 1e-2) << name;
      plan = plan.from_step(first);
      const auto noisy = add_noise(data.at(name + "/x0"), data.at(name + "/noise"), plan.levels[0]);
      comparison.trajectory(noisy, data.at(name + "/noisy"), "noisy");
      compare_run(plan, noisy, data, name, comparison);
      ++covered;
      comparison.print();
    } catch (const Error& error) {
      not_covered(name, error.what());
    }
  }
  fmt::print("{} start images compared\n", covered);
  EXPECT_GT(covered, 0);
}

}  // namespace
}  // namespace sumi
