#pragma once

#include <span>
#include <string>
#include <vector>

#include "diffusion/parameterisation.h"
#include "diffusion/samplers.h"
#include "diffusion/schedule.h"

namespace sumi {

/// One run of a sampler, ready to go: levels, the timesteps that the network is told, and options.
/// A plan is a value; change its options before running it.
struct Plan {
  const Sampler* sampler = nullptr;
  Schedule schedule;
  Parameterisation parameterisation;
  std::vector<NoiseLevel> levels = {};  ///< steps + 1 of them
  std::vector<double> timesteps = {};   ///< of every level but the last, as told to the network
  double initial_scale = 1;             ///< pure unit noise times this is the first x
  bool quantise = false;                ///< levels between those listed get whole timesteps too
  SamplerOptions options = {};
  std::function<Tensor(const Tensor&)> limit = nullptr;  ///< of every clean estimate, or empty

  /// The timestep told to the network: the listed one for a listed level, else the schedule's.
  double timestep_of(NoiseLevel level) const;
  /// The network as this plan's Denoiser.
  Denoiser denoiser(Network network) const;
  /// The plan from step `first` on, for a start image.
  Plan from_step(std::size_t first) const;
  /// x: at levels.front().
  Tensor run(const Denoiser& denoise, Tensor x, const NoiseSource& noise = nullptr) const;
};

/// Timesteps or sigmas (noise-to-signal ratios) chosen by hand; at most one of the two.
struct CustomSteps {
  std::vector<double> timesteps;
  std::vector<double> sigmas;
};

/// Levels and options of `steps` steps. config.timestep_spacing may be any of spacing_names();
/// empty takes the sampler's own. Throws Error for unknown names and impossible numbers.
Plan make_plan(const ScheduleConfig& config, const Sampler& sampler, int steps,
               const CustomSteps& custom = {});

/// leading, trailing, linspace, karras, exponential, polyexponential, sgm_uniform, simple, beta, …
std::span<const std::string_view> spacing_names();

/// The first step of an image-to-image run of the given strength (0 … 1), as diffusers counts.
std::size_t first_step(int steps, double strength);

/// A scheduler_config.json of diffusers: which sampler, and its values over the class's defaults.
struct DiffusersScheduler {
  const Sampler* sampler = nullptr;
  ScheduleConfig config;
};
/// Null values and keys without meaning here are passed over. Throws Error for an unknown class,
/// listing the known ones. `where` starts each Error's text.
DiffusersScheduler read_diffusers_scheduler(const Json& json, const std::string& where);

}  // namespace sumi
