#include <gtest/gtest.h>

#include "core/json.h"
#include "diffusion/moves.h"
#include "diffusion/plan.h"
#include "diffusion/spacing.h"
#include "trace.h"
#include "weights/state_dict.h"

namespace sumi {
namespace {

/// The exponent that the polyexponential tables were recorded with; k-diffusion leaves it to the
/// caller.
constexpr double kPolyexponentialRho = 2;

const std::filesystem::path kFolder = reference_folder() / "schedulers";

/// k-diffusion's levels (alpha = 1) for a spacing of the SD 1 table.
std::vector<NoiseLevel> levels_of(const Plan& plan) {
  std::vector<NoiseLevel> levels;
  for (const auto level : plan.levels) levels.push_back(exploding(level.ratio()));
  return levels;
}

struct KCase {
  Plan plan;
  double eta;
};

KCase case_of(const Json& test) {
  const auto& kwargs = test.at("kwargs");
  const auto why = foreign_key(
      kwargs, {"eta", "s_noise", "s_churn", "s_tmin", "s_tmax", "order", "solver_type"});
  if (!why.empty()) throw Error(why);
  const auto function = test.at("function").get<std::string>();
  const auto& sampler = find_sampler(function.substr(std::string("sample_").size()));

  ScheduleConfig config;
  if (test.at("prediction") == "v") config.prediction_type = "v_prediction";
  const bool ends_only = test.at("sigma_schedule").is_null();
  config.timestep_spacing = ends_only ? "discrete" : test.at("sigma_schedule").get<std::string>();
  if (config.timestep_spacing == "polyexponential") config.rho = kPolyexponentialRho;
  if (test.value("quantize_timesteps", false)) config.timestep_rounding = "nearest";
  const int steps = std::max(2, test.at("steps").get<int>());
  // Euler's grid: k-diffusion's own for every sampler.
  KCase result{make_plan(config, find_sampler("Euler"), steps), 0};
  auto& plan = result.plan;
  plan.sampler = &sampler;
  plan.quantise = test.value("quantize_timesteps", false);
  auto& options = plan.options;
  options = make_plan(config, sampler, steps).options;
  options.lower_order_final = false;
  options.landing.clear();
  options.eta = kwargs.value("eta", sampler.eta);
  options.s_noise = kwargs.value("s_noise", 1.0);
  options.s_churn = kwargs.value("s_churn", 0.0);
  options.s_tmin = kwargs.value("s_tmin", 0.0);
  options.s_tmax = kwargs.value("s_tmax", options.s_tmax);
  options.order = kwargs.value("order", options.order);
  if (kwargs.contains("solver_type"))
    options.solver = kwargs.at("solver_type") == "heun" ? Solver::heun : Solver::midpoint;
  plan.levels = levels_of(plan);
  result.eta = options.eta;
  return result;
}

/// The noise of a case that did not record it, from the recorded latents around each draw. Then x
/// cannot tell a wrong amount of noise; that the draws are unit normals does.
class RecoveredNoise {
 public:
  RecoveredNoise(const KCase& test, Tensor states) : test_(test), states_(std::move(states)) {}

  Tensor operator()(const Tensor& before) {
    const auto& levels = test_.plan.levels;
    const double up = ancestral(levels[step_], levels[step_ + 1], test_.eta).up;
    ++step_;
    draws_.push_back((states_[std::int64_t(step_)] - before) / up);
    return draws_.back();
  }
  void expect_unit_normal(const std::string& name) const {
    ASSERT_FALSE(draws_.empty()) << name;
    const auto all = torch::stack(draws_);
    const double count = double(all.numel());
    EXPECT_LT(std::abs(all.mean().item<double>()), 5 / std::sqrt(count)) << name;
    EXPECT_LT(std::abs(all.var().item<double>() - 1), 5 * std::sqrt(2 / count)) << name;
  }

 private:
  const KCase& test_;
  Tensor states_;
  std::size_t step_ = 0;
  std::vector<Tensor> draws_;
};

/// Which network calls open a step, so that they are the reference's callbacks.
std::vector<std::size_t> openings(const KCase& test, std::size_t calls, std::size_t steps) {
  std::vector<std::size_t> places;
  if (test.plan.sampler->name == "DPM fast") {
    const std::size_t thirds = calls % 3 == 0 ? calls / 3 - 1 : calls / 3;
    for (std::size_t i = 0; i < thirds; ++i) places.push_back(3 * i);
    places.push_back(3 * thirds);
    if (calls % 3 == 0) places.push_back(3 * thirds + 2);
    return places;
  }
  const auto per_step = std::size_t(test.plan.sampler->calls_per_step);
  for (std::size_t i = 0; i < steps; ++i) places.push_back(i * per_step);
  return places;
}

Tensor gather(const std::vector<Tensor>& values, const std::vector<std::size_t>& places) {
  std::vector<Tensor> chosen;
  for (const auto place : places) chosen.push_back(values.at(std::min(place, values.size() - 1)));
  return torch::stack(chosen);
}

void compare(const Json& json, const StateDict& data, Comparison& comparison) {
  const std::string name = json.at("name");
  const auto test = case_of(json);
  if (const auto sigmas = data.find(name + "/sigmas"); sigmas != data.end()) {
    std::vector<double> ratios;
    for (const auto level : test.plan.levels) ratios.push_back(level.sigma);
    comparison.tables(torch::tensor(ratios, torch::kFloat64), sigmas->second, "sigmas");
  }
  const auto states = data.at(name + "/x_at_callback");
  RecoveredNoise recovered(test, torch::cat({states, data.at(name + "/result").unsqueeze(0)}));
  const auto found = data.find(name + "/noise");
  const bool inferred = found == data.end() && test.eta > 0;
  NoiseSource noise = nullptr;
  if (found != data.end()) noise = replay_noise(found->second);
  if (inferred) noise = [&](const Tensor& before) { return recovered(before); };

  Trace trace;
  const auto denoise = traced(test.plan.denoiser(recorded_network(trace)), trace);
  const auto result = test.plan.run(denoise, data.at(name + "/x0"), noise);
  comparison.trajectory(result, data.at(name + "/result"), "result");
  const bool adaptive = test.plan.sampler->name == "DPM adaptive";
  const auto& asked = data.at(name + "/model_timesteps");
  // An adaptive run chooses its timesteps by single-precision errors: they are part of its course.
  adaptive ? comparison.trajectory(trace.times(), asked, "timesteps")
           : comparison.tables(trace.times(), asked, "timesteps");
  auto places = openings(test, trace.timesteps.size(), std::size_t(states.size(0)));
  comparison.trajectory(gather(trace.cleans, places), data.at(name + "/denoised_at_callback"),
                        "denoised");
  if (adaptive) {  // its callback comes after the step
    for (auto& place : places) place += 3;
    trace.latents.push_back(result);
  }
  comparison.trajectory(gather(trace.latents, places), states, "x");
  if (inferred) recovered.expect_unit_normal(name);
}

TEST(KDiffusion, TrajectoriesAreItsOwn) {
  const auto json = read_json(kFolder / "kdiffusion.json");
  const auto data = load_state_dict(kFolder / "kdiffusion.safetensors");
  int covered = 0, left_out = 0;
  for (const auto& test : json.at("cases")) {
    const std::string name = test.at("name");
    Comparison comparison(name);
    try {
      compare(test, data, comparison);
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

TEST(KDiffusion, SigmaTables) {
  const auto data = load_state_dict(kFolder / "kdiffusion.safetensors");
  const std::map<std::string, std::string> spacing_of{{"discrete", "discrete"},
                                                      {"karras", "karras"},
                                                      {"exponential", "exponential"},
                                                      {"polyexponential", "polyexponential"},
                                                      {"vp", "vp"},
                                                      {"sgm_legacy_ddpm", "ddpm_legacy"},
                                                      {"sgm_edm", "karras"}};
  int compared = 0;
  for (const auto& [key, theirs] : data) {
    if (!key.starts_with("sigmas/")) continue;
    const auto slash = key.rfind('/');
    const auto kind = key.substr(7, slash - 7);
    const auto spacing = spacing_of.find(kind);
    if (spacing == spacing_of.end()) {
      not_covered(key, "unknown table");
      continue;
    }
    ScheduleConfig config;
    config.timestep_spacing = spacing->second;
    if (kind == "polyexponential") config.rho = kPolyexponentialRho;
    if (kind == "sgm_edm") {
      config.beta_schedule = "edm";
      config.sigma_min = 0.002;
      config.sigma_max = 80;
    }
    const auto plan = make_plan(config, find_sampler("Euler"), std::stoi(key.substr(slash + 1)));
    std::vector<double> ratios;
    for (const auto level : plan.levels) ratios.push_back(level.sigma);
    const double error = relative_error(torch::tensor(ratios, torch::kFloat64), theirs);
    fmt::print("{:<36} {:.1e}\n", key, error);
    EXPECT_LE(error, 1e-5) << key;
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

TEST(KDiffusion, TimestepOfSigma) {
  const auto data = load_state_dict(kFolder / "kdiffusion.safetensors");
  const Schedule schedule{ScheduleConfig{}};
  int compared = 0;
  for (const auto& [key, theirs] : data) {
    if (!key.starts_with("sigma_to_t/")) continue;
    const auto level = exploding(std::stod(key.substr(key.rfind('/') + 1)));
    const double scale = schedule.size() * 1e-5;
    EXPECT_NEAR(schedule.timestep_of(level), theirs[0].item<double>(), scale) << key;
    EXPECT_EQ(schedule.nearest_timestep_of(level), theirs[1].item<double>()) << key;
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

}  // namespace
}  // namespace sumi
