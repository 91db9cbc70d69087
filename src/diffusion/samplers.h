#pragma once

#include <array>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "diffusion/noise.h"
#include "diffusion/noise_level.h"
#include "diffusion/parameterisation.h"

namespace sumi {

/// How the second-order term of a multistep formula is weighted, or UniPC's B(h).
enum class Solver { midpoint, heun, bh1, bh2 };

/// Where PNDM's Runge-Kutta start looks between two levels: `landed` is where the first guess is
/// carried to, `asked` the level at which the network is asked.
struct Halfway {
  NoiseLevel landed, asked;
};

/// LCM's boundary condition: clean = out * estimate + skip * x.
struct Boundary {
  double skip = 0, out = 1;
};

/// What a sampler may be told. Each uses the fields that its own comment names.
struct SamplerOptions {
  double eta = 0;      ///< share of fresh noise: 0 deterministic, 1 the full reverse process
  double s_churn = 0;  ///< Karras et al. 2022, algorithm 2
  double s_tmin = 0;   ///< churn only from this ratio …
  double s_tmax = std::numeric_limits<double>::infinity();  ///< … to this one
  double s_noise = 1;                                       ///< scale of fresh noise
  int order = 2;                                            ///< of the formula
  Solver solver = Solver::midpoint;
  bool over_clean = true;             ///< extrapolate clean estimates, not noise estimates
  bool lower_order_final = false;     ///< the last steps fall to second and first order
  bool euler_at_final = false;        ///< the last step falls to first order
  bool runge_kutta_start = false;     ///< PNDM as published; otherwise PLMS
  bool large_variance = false;        ///< DDPM with the upper bound of the posterior variance
  bool noise_on_last = false;         ///< DDPM adds noise in its last step too
  std::vector<int> uncorrected = {};  ///< steps after which UniPC does not correct

  /// Linear multistep over what this parameterisation's network puts out, not over noise.
  std::optional<Parameterisation> over_output = {};
  /// Churn after the network was asked, reusing its output (diffusers), not before (Karras et al.).
  std::optional<Parameterisation> stale_churn = {};
  /// Limits clean estimates inside a formula that keeps the unlimited noise estimate (DDIM).
  std::function<Tensor(const Tensor&)> limit = nullptr;

  /// Where step i lands, when that is not the next level: diffusers' DDIM, DDPM and PNDM go a fixed
  /// number of timesteps down whatever the spacing. Empty: the next level.
  std::vector<NoiseLevel> landing = {};
  std::vector<Halfway> halfway = {};  ///< of the Runge-Kutta start; empty: half in log ratio
  /// TCD's level s of each step; empty: from eta and the ratios.
  std::vector<NoiseLevel> resting = {};
  std::vector<Boundary> boundary = {};  ///< LCM's, for each step; empty: none
};

/// x: [batch, …] at levels.front() -> the latents at levels.back(). Pure: no input is changed.
using SamplerFunction = Tensor (*)(const Denoiser& denoise, Tensor x,
                                   std::span<const NoiseLevel> levels,
                                   const SamplerOptions& options, const NoiseSource& noise);

/// Which levels a sampler's reference uses for the same spacing; plan.cpp says how they differ.
enum class Grid {
  whole,       ///< whole timesteps, variance preserving (DDIM, DDPM, PNDM)
  exploding,   ///< fractional timesteps, alpha = 1 (k-diffusion's samplers)
  preserving,  ///< whole timesteps of n + 1 points, variance preserving (DPM-Solver, UniPC, DEIS)
  distilled,   ///< every k-th step of the teacher (LCM, TCD)
  upwards      ///< as `whole`, from clean to noise (DDIM inversion)
};

/// One row of the table of samplers.
struct Sampler {
  std::string_view name;                    ///< as A1111 shows it
  std::array<std::string_view, 4> aliases;  ///< other spellings; diffusers' class among them
  SamplerFunction run;
  Grid grid;
  std::string_view spacing;  ///< its usual spacing
  int calls_per_step;        ///< network calls in most steps
  bool uses_noise;           ///< asks its NoiseSource at the default eta
  double eta = 0;
  int order = 0;
  Solver solver = Solver::midpoint;
};

std::span<const Sampler> samplers();

/// By any spelling, whatever its case, spaces, '-' and '_'. Throws Error listing the names.
const Sampler& find_sampler(std::string_view name);

/// A1111's old names carry the spacing: "DPM++ 2M Karras" -> {"DPM++ 2M", "karras"}; without one
/// the spacing is empty.
struct NamedSampler {
  std::string sampler, spacing;
};
NamedSampler split_sampler_name(std::string_view name);

}  // namespace sumi
