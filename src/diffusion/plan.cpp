#include "diffusion/plan.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "diffusion/guidance.h"
#include "diffusion/spacing.h"

namespace sumi {
namespace {

using Numbers = std::vector<double>;

constexpr std::string_view kSpacings[] = {
    "leading",         "trailing",    "linspace", "karras", "exponential",
    "polyexponential", "sgm_uniform", "simple",   "beta",   "lu",
    "discrete",        "ddpm_legacy", "vp"};

/// Levels and timesteps as a grid lays them out.
struct Layout {
  std::vector<NoiseLevel> levels;
  Numbers timesteps;
  double initial_scale = 1;
};

Numbers as_float(Numbers values) {
  for (auto& v : values) v = float(v);
  return values;
}

/// Linear interpolation of a table at fractional places.
double at_place(std::span<const double> table, double place) {
  const auto low = std::size_t(std::clamp(place, 0.0, double(table.size() - 1)));
  const double part = place - double(low);
  return part <= 0 ? table[low] : table[low] + part * (table[low + 1] - table[low]);
}

/// `count` timesteps from the noisy end: of `points` spaced ones the first `count`, because
/// DPM-Solver's references count the clean end among the points and k-diffusion's do not.
Numbers spaced_timesteps(const ScheduleConfig& config, const std::string& spacing, int total,
                         int count, int points, bool whole) {
  Numbers result;
  if (spacing == "leading") {
    const int stride = total / points;
    for (int i = points - 1; i >= points - count; --i)
      result.push_back(double(i) * stride + config.steps_offset);
  } else if (spacing == "trailing") {
    for (int i = 0; i < count; ++i)
      result.push_back(std::nearbyint(total - i * (double(total) / count)) - 1);
  } else {
    result = even(points, total - 1, 0);
    result.resize(std::size_t(count));
    for (auto& t : result) t = whole ? std::nearbyint(t) : float(t);
  }
  for (const double t : result)
    if (t < 0 || t > total - 1)
      throw Error(fmt::format("{} steps with spacing {} and offset {} ask for timestep {}", count,
                              spacing, config.steps_offset, t),
                  fmt::format("use fewer steps; the network knows timesteps 0 to {}", total - 1));
  return result;
}

/// Ratios of a spacing by sigma, between `low` and `high`.
Numbers spaced_ratios(const ScheduleConfig& config, const Schedule& schedule,
                      const std::string& spacing, int n, double low, double high) {
  const auto table = schedule.ratios();
  const auto at_times = [&](const Numbers& times) {
    Numbers ratios;
    for (const double t : times) ratios.push_back(schedule.level(t).ratio());
    return ratios;
  };
  if (spacing == "karras") return karras_ratios(n, low, high, config.rho > 0 ? config.rho : 7);
  if (spacing == "exponential") return exponential_ratios(n, low, high);
  if (spacing == "polyexponential")
    return polyexponential_ratios(n, low, high, config.rho > 0 ? config.rho : 1);
  if (spacing == "beta") return beta_ratios(n, low, high);
  if (spacing == "vp") return vp_ratios(n);
  if (spacing == "lu") {
    auto logs = even(n, std::log(high), std::log(low));
    for (auto& v : logs) v = std::exp(v);
    return logs;
  }
  if (spacing == "discrete") return at_times(even(n, schedule.size() - 1, 0));
  if (spacing == "sgm_uniform") {
    auto times = even(n + 1, schedule.size() - 1, 0);
    times.pop_back();
    return at_times(times);
  }
  Numbers ratios;
  const auto size = double(table.size());
  for (int i = 0; i < n; ++i) {
    const double part = double(i) / n;
    // ddpm_legacy: generative-models' LegacyDDPMDiscretization; simple: ComfyUI's simple scheduler.
    const auto place = spacing == "simple" ? table.size() - 1 - std::size_t(part * size)
                                           : std::size_t((size - 1) * (1 - part));
    ratios.push_back(table[place]);
  }
  return ratios;
}

double rounded(double t, const std::string& how) {
  if (how == "nearest") return std::nearbyint(t);
  if (how == "down") return std::floor(t);
  if (how == "none") return t;
  throw Error(fmt::format("unknown timestep_rounding \"{}\"", how), "known: none, nearest, down");
}

bool by_timestep(const std::string& spacing) {
  return spacing == "leading" || spacing == "trailing" || spacing == "linspace";
}

/// The spacing by sigma that the config asks for on top of the timesteps' one, or "".
std::string ratio_spacing(const ScheduleConfig& config, const std::string& spacing) {
  if (config.use_karras_sigmas) return "karras";
  if (config.use_exponential_sigmas) return "exponential";
  if (config.use_beta_sigmas) return "beta";
  if (config.use_lu_lambdas) return "lu";
  return by_timestep(spacing) ? "" : spacing;
}

NoiseLevel final_level(const ScheduleConfig& config, const Schedule& schedule, Grid grid) {
  if (config.final_sigmas_type != "zero" && config.final_sigmas_type != "sigma_min")
    throw Error(fmt::format("unknown final_sigmas_type \"{}\"", config.final_sigmas_type),
                "known: zero, sigma_min");
  if (config.final_sigmas_type == "zero") return {1, 0};
  return grid == Grid::exploding ? exploding(schedule.ratio_min())
                                 : preserving(schedule.ratio_min());
}

/// k-diffusion's and DPM-Solver's layouts: levels by ratio.
Layout ratio_layout(const ScheduleConfig& config, const Schedule& schedule, Grid grid,
                    const std::string& spacing, int n, const CustomSteps& custom) {
  const bool wide = grid == Grid::exploding;
  const int points = wide ? n : n + 1;
  Layout layout;
  Numbers ratios;
  const auto base = by_timestep(spacing) ? spacing : "linspace";
  const auto find_timesteps = [&] {
    layout.timesteps.clear();
    for (const double ratio : ratios)
      layout.timesteps.push_back(
          rounded(schedule.timestep_of(exploding(ratio)), config.timestep_rounding));
  };
  if (!custom.sigmas.empty()) {
    ratios = as_float(custom.sigmas);
    find_timesteps();
  } else {
    layout.timesteps = custom.timesteps.empty()
                           ? spaced_timesteps(config, base, schedule.size(), n, points, !wide)
                           : custom.timesteps;
    for (const double t : layout.timesteps) ratios.push_back(at_place(schedule.ratios(), t));
    const auto name = ratio_spacing(config, spacing);
    if (!name.empty()) {
      // k-diffusion's grids take the range from their own timesteps, DPM-Solver's from the table.
      double low = wide ? ratios.back() : schedule.ratio_min();
      double high = wide ? ratios.front() : schedule.ratio_max();
      if (n == 1) low = schedule.ratio_min(), high = schedule.ratio_max();
      if (config.sigma_min > 0) low = config.sigma_min;
      if (config.sigma_max > 0) high = config.sigma_max;
      if (config.sigmas_in_table_order) std::swap(low, high);
      ratios = as_float(spaced_ratios(config, schedule, name, n, low, high));
      find_timesteps();
    } else if (config.interpolation_type == "log_linear") {
      ratios = exponential_ratios(n + 1, schedule.ratio_min(), schedule.ratio_max());
    }
  }
  for (const double ratio : as_float(ratios))
    layout.levels.push_back(wide ? exploding(ratio) : preserving(ratio));
  // Ratios given by hand, and log_linear's, hold the end already.
  if (layout.levels.size() == layout.timesteps.size() && custom.sigmas.empty())
    layout.levels.push_back(final_level(config, schedule, grid));
  layout.timesteps.resize(layout.levels.size() - 1);
  if (wide) {
    const double highest = *std::max_element(ratios.begin(), ratios.end());
    layout.initial_scale = base == "leading" ? std::hypot(highest, 1) : highest;
  }
  return layout;
}

/// DDIM's and DDPM's layout: whole timesteps with the table's own levels.
Layout whole_layout(const ScheduleConfig& config, const Schedule& schedule, const Sampler& sampler,
                    const std::string& spacing, int n, const CustomSteps& custom,
                    SamplerOptions& options) {
  Layout layout;
  layout.timesteps = custom.timesteps.empty()
                         ? spaced_timesteps(config, spacing, schedule.size(), n, n, true)
                         : custom.timesteps;
  const bool to_one = config.set_alpha_to_one || sampler.name == "DDPM";
  const auto level = [&](double t) {
    return t >= 0 ? schedule.level(t) : to_one ? NoiseLevel{1, 0} : schedule.level(0);
  };
  const int stride = schedule.size() / n;
  if (sampler.grid == Grid::upwards) {
    std::reverse(layout.timesteps.begin(), layout.timesteps.end());
    if (config.set_alpha_to_one && layout.timesteps.front() < stride)
      throw Error("inversion cannot start from a level without noise",
                  "set set_alpha_to_one to false");
    layout.levels.push_back(level(layout.timesteps.front() - stride));
    for (const double t : layout.timesteps) layout.levels.push_back(level(t));
    return layout;
  }
  for (const double t : layout.timesteps) layout.levels.push_back(level(t));
  if (!custom.timesteps.empty()) {
    layout.levels.push_back(level(-1));
    return layout;
  }
  std::vector<NoiseLevel> landing;
  for (const double t : layout.timesteps) landing.push_back(level(t - stride));
  layout.levels.push_back(landing.back());
  if (!std::equal(landing.begin(), landing.end(), layout.levels.begin() + 1))
    options.landing = std::move(landing);
  return layout;
}

/// Consistency models' layout: n of the teacher's timesteps.
Layout distilled_layout(const ScheduleConfig& config, const Schedule& schedule,
                        const Sampler& sampler, int n, const CustomSteps& custom) {
  Layout layout;
  const int teacher = config.original_inference_steps;
  if (teacher < 1 || teacher > schedule.size() || n > teacher)
    throw Error(fmt::format("{} steps of {} teacher steps", n, teacher),
                fmt::format("use 1 to {} steps, usually 4 to 8", std::max(1, teacher)));
  const int stride = schedule.size() / teacher;
  layout.timesteps = custom.timesteps;
  for (int i = 0; custom.timesteps.empty() && i < n; ++i)
    layout.timesteps.push_back((teacher - std::int64_t(i) * teacher / n) * stride - 1);
  for (const double t : layout.timesteps) layout.levels.push_back(schedule.level(t));
  layout.levels.push_back(sampler.name == "TCD" ? schedule.level(0) : NoiseLevel{1, 0});
  return layout;
}

/// Rectified flow: even in sigma before the shift (Esser et al. 2024, eq. 23).
Layout flow_layout(const ScheduleConfig& config, int n, const CustomSteps& custom) {
  const double total = config.num_train_timesteps;
  const auto shifted = [&](double s) { return config.shift * s / (1 + (config.shift - 1) * s); };
  Layout layout;
  // diffusers' lower end is the table's last sigma, shifted once before the shift of all.
  auto sigmas = custom.sigmas.empty() ? even(n, 1, shifted(1 / total)) : custom.sigmas;
  for (auto& sigma : sigmas) {
    sigma = float(shifted(sigma));
    layout.levels.push_back({1 - sigma, sigma});
    layout.timesteps.push_back(sigma * total);
  }
  layout.levels.push_back({1, 0});
  return layout;
}

/// EDM (Karras et al. 2022): the network's time is ln(sigma) / 4.
Layout edm_layout(const ScheduleConfig& config, const Schedule& schedule,
                  const std::string& spacing, int n) {
  const auto name = by_timestep(spacing) ? "karras" : spacing;
  Layout layout;
  for (const double ratio :
       spaced_ratios(config, schedule, name, n, config.sigma_min, config.sigma_max)) {
    layout.levels.push_back(exploding(float(ratio)));
    layout.timesteps.push_back(schedule.timestep_of(layout.levels.back()));
  }
  layout.levels.push_back(config.final_sigmas_type == "zero" ? NoiseLevel{1, 0}
                                                             : exploding(config.sigma_min));
  layout.initial_scale = std::hypot(config.sigma_max, 1);
  return layout;
}

/// iPNDM's: sigma = sin²(t pi / 2) for even t, and the network is told the angle.
Layout angle_layout(const Schedule& schedule, int n) {
  Layout layout;
  for (const double t : even(n + 1, 1, 0)) {
    const double sine = std::sin(t * std::acos(0.0)), sigma = float(sine * sine);
    layout.levels.push_back({std::sqrt(1 - sigma * sigma), sigma});
    layout.timesteps.push_back(schedule.timestep_of(layout.levels.back()));
  }
  layout.timesteps.pop_back();
  return layout;
}

Solver solver_of(const ScheduleConfig& config, const Sampler& sampler) {
  const bool unified = sampler.solver == Solver::bh1 || sampler.solver == Solver::bh2;
  const auto& name = config.solver_type;
  if (unified) return name == "bh1" ? Solver::bh1 : name == "bh2" ? Solver::bh2 : sampler.solver;
  return name == "heun" ? Solver::heun : name == "midpoint" ? Solver::midpoint : sampler.solver;
}

SamplerOptions options_of(const ScheduleConfig& config, const Sampler& sampler, int n) {
  constexpr int kStableSteps = 15;  // from here on diffusers keeps the order in the last steps
  SamplerOptions options;
  const auto& algorithm = config.algorithm_type;
  options.eta = algorithm.starts_with("sde-") ? 1 : sampler.eta;
  options.order = config.solver_order > 0 ? config.solver_order : sampler.order;
  options.solver = solver_of(config, sampler);
  options.over_clean =
      config.predict_x0 && algorithm != "dpmsolver" && algorithm != "sde-dpmsolver";
  const bool unified = options.solver == Solver::bh1 || options.solver == Solver::bh2;
  const bool third_sde = options.order == 3 && options.eta > 0;  // k-diffusion never lowers it
  options.lower_order_final = config.lower_order_final && sampler.grid == Grid::preserving &&
                              !third_sde && (unified || n < kStableSteps);
  options.euler_at_final = config.euler_at_final;
  options.uncorrected = config.disable_corrector;
  options.runge_kutta_start = !config.skip_prk_steps;
  options.large_variance = config.variance_type == "fixed_large";
  return options;
}

std::function<Tensor(const Tensor&)> limit_of(const ScheduleConfig& config) {
  if (config.thresholding)
    return [ratio = config.dynamic_thresholding_ratio, highest = config.sample_max_value](
               const Tensor& clean) { return dynamic_threshold(clean, ratio, highest); };
  if (config.clip_sample)
    return [range = config.clip_sample_range](const Tensor& clean) {
      return clip_range(clean, range);
    };
  return nullptr;
}

/// What diffusers' PNDM and LCM need to know about the table beyond the levels.
void add_table_options(Plan& plan, const ScheduleConfig& config, int n) {
  const auto& times = plan.timesteps;
  auto& options = plan.options;
  const std::string_view name = plan.sampler->name;
  if (name == "PLMS") {
    if (plan.parameterisation.prediction == Prediction::velocity)
      options.over_output = plan.parameterisation;
    const int half = plan.schedule.size() / n / 2;
    for (std::size_t i = 0; options.runge_kutta_start && i + 1 < times.size() && i < 3; ++i)
      options.halfway.push_back(
          {plan.schedule.level(times[i] - half), plan.schedule.level(times[i + 1] + half)});
  }
  if (name == "LCM") {
    for (const double t : times) {
      constexpr double kData = 0.5;  // consistency models' sigma_data
      const double scaled = t * config.timestep_scaling, square = scaled * scaled + kData * kData;
      options.boundary.push_back({kData * kData / square, scaled / std::sqrt(square)});
    }
  }
}

}  // namespace

double Plan::timestep_of(NoiseLevel level) const {
  for (std::size_t i = 0; i < timesteps.size(); ++i) {
    const double a = levels[i].sigma * level.alpha, b = level.sigma * levels[i].alpha;
    if (std::abs(a - b) <= 1e-13 * (a + b)) return timesteps[i];
  }
  return quantise ? schedule.nearest_timestep_of(level) : schedule.timestep_of(level);
}

Denoiser Plan::denoiser(Network network) const {
  auto denoise = precondition(std::move(network), parameterisation,
                              [plan = *this](NoiseLevel level) { return plan.timestep_of(level); });
  if (!limit) return denoise;
  return [denoise = std::move(denoise), limited = limit](const Tensor& x, NoiseLevel level) {
    return limited(denoise(x, level));
  };
}

Plan Plan::from_step(std::size_t first) const {
  if (first >= timesteps.size())
    throw Error(fmt::format("no step left after the first {}", first), "raise strength or steps");
  Plan rest = *this;
  const auto cut = [first](auto& values) {
    if (!values.empty())
      values.erase(values.begin(), values.begin() + std::ptrdiff_t(std::min(first, values.size())));
  };
  cut(rest.levels);
  cut(rest.timesteps);
  cut(rest.options.landing);
  cut(rest.options.halfway);
  cut(rest.options.boundary);
  rest.initial_scale = std::hypot(rest.levels[0].alpha, rest.levels[0].sigma);
  return rest;
}

Tensor Plan::run(const Denoiser& denoise, Tensor x, const NoiseSource& noise) const {
  const bool always = sampler->uses_noise && sampler->eta == 0;
  if (!noise && (always || options.eta > 0 || options.s_churn > 0))
    throw Error(fmt::format("sampler {} draws fresh noise", sampler->name),
                "give it a NoiseSource");
  SamplerOptions told = options;
  if (sampler->name == "TCD") {
    told.resting.clear();
    for (std::size_t i = 1; i <= timesteps.size(); ++i) {
      const double next = i < timesteps.size() ? timesteps[i] : 0;
      told.resting.push_back(schedule.level(std::floor((1 - options.eta) * next)));
    }
  }
  return sampler->run(denoise, std::move(x), levels, told, noise);
}

Plan make_plan(const ScheduleConfig& config, const Sampler& sampler, int steps,
               const CustomSteps& custom) {
  if (!custom.timesteps.empty()) steps = int(custom.timesteps.size());
  if (!custom.sigmas.empty()) steps = std::max(1, int(custom.sigmas.size()) - 1);
  if (steps < 1 || steps > std::min(1000, config.num_train_timesteps))
    throw Error(fmt::format("{} sampling steps", steps),
                fmt::format("use 1 to {}", std::min(1000, config.num_train_timesteps)));
  const std::string spacing =
      config.timestep_spacing.empty() ? std::string(sampler.spacing) : config.timestep_spacing;
  if (std::find(std::begin(kSpacings), std::end(kSpacings), spacing) == std::end(kSpacings))
    throw Error(fmt::format("unknown spacing \"{}\"", spacing),
                fmt::format("known: {}", fmt::join(kSpacings, ", ")));

  Plan plan{&sampler, Schedule(config), Parameterisation(config)};
  plan.options = options_of(config, sampler, steps);
  const auto by_grid = [&]() -> Layout {
    if (config.beta_schedule == "flow") return flow_layout(config, steps, custom);
    if (config.beta_schedule == "edm") return edm_layout(config, plan.schedule, spacing, steps);
    if (config.beta_schedule == "angle") return angle_layout(plan.schedule, steps);
    if (sampler.grid == Grid::distilled)
      return distilled_layout(config, plan.schedule, sampler, steps, custom);
    const bool whole = sampler.grid == Grid::whole || sampler.grid == Grid::upwards;
    if (whole && ratio_spacing(config, spacing).empty())
      return whole_layout(config, plan.schedule, sampler, spacing, steps, custom, plan.options);
    return ratio_layout(config, plan.schedule, whole ? Grid::preserving : sampler.grid, spacing,
                        steps, custom);
  };
  auto layout = by_grid();
  plan.levels = std::move(layout.levels);
  plan.timesteps = std::move(layout.timesteps);
  plan.initial_scale = layout.initial_scale;
  if (plan.parameterisation.prediction == Prediction::epsilon && plan.levels.front().alpha == 0)
    throw Error("a network that predicts noise says nothing at zero terminal SNR",
                "use prediction_type v_prediction, or a spacing that leaves out the last timestep");
  add_table_options(plan, config, steps);
  plan.options.noise_on_last = plan.timesteps.back() > 0;
  // DDIM keeps the noise estimate of the unlimited clean one; every other formula sees the limited
  // one.
  (sampler.name == "DDIM" || sampler.name == "DDIM inverse" ? plan.options.limit : plan.limit) =
      limit_of(config);
  return plan;
}

std::span<const std::string_view> spacing_names() { return kSpacings; }

std::size_t first_step(int steps, double strength) {
  if (!(strength >= 0 && strength <= 1))
    throw Error(fmt::format("strength is {}", strength), "use 0 to 1");
  const int kept = std::min(int(steps * strength), steps);
  return std::size_t(steps - kept);
}

}  // namespace sumi
