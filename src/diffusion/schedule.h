#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/config.h"
#include "diffusion/noise_level.h"

namespace sumi {

/// Everything that diffusers writes into a scheduler_config.json, with its names. The values here
/// are Stable Diffusion 1's; read_diffusers_scheduler knows what each diffusers class assumes
/// instead.
struct ScheduleConfig {
  int num_train_timesteps = 1000;
  std::string beta_schedule = "scaled_linear";
  double beta_start = 0.00085;
  double beta_end = 0.012;
  std::vector<double> trained_betas;
  bool rescale_betas_zero_snr = false;
  std::string prediction_type = "epsilon";

  std::string timestep_spacing;
  int steps_offset = 1;
  bool set_alpha_to_one = false;
  std::string final_sigmas_type = "zero";
  std::string interpolation_type = "linear";
  bool use_karras_sigmas = false;
  bool use_exponential_sigmas = false;
  bool use_beta_sigmas = false;
  bool use_lu_lambdas = false;
  bool sigmas_in_table_order = false;
  std::string timestep_rounding = "none";
  double sigma_min = 0;
  double sigma_max = 0;
  double sigma_data = 1;
  double rho = 0;
  double shift = 1;

  bool clip_sample = false;
  double clip_sample_range = 1;
  bool thresholding = false;
  double dynamic_thresholding_ratio = 0.995;
  double sample_max_value = 1;

  int solver_order = 0;
  std::string algorithm_type;
  std::string solver_type;
  bool predict_x0 = true;
  bool lower_order_final = true;
  bool euler_at_final = false;
  std::vector<int> disable_corrector;
  std::string variance_type = "fixed_small";
  bool skip_prk_steps = true;
  int original_inference_steps = 50;
  double timestep_scaling = 10;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("num_train_timesteps", self.num_train_timesteps, "steps of the forward process");
    visit("beta_schedule", self.beta_schedule,
          "linear, scaled_linear, squaredcos_cap_v2 or sigmoid; flow, edm, angle for continuous "
          "time");
    visit("beta_start", self.beta_start, "first beta of linear and scaled_linear");
    visit("beta_end", self.beta_end, "last beta of linear and scaled_linear");
    visit("trained_betas", self.trained_betas, "the betas themselves, instead of a schedule");
    visit("rescale_betas_zero_snr", self.rescale_betas_zero_snr,
          "end at pure noise (Lin et al. 2023)");
    visit("prediction_type", self.prediction_type,
          "what the network predicts: epsilon, v_prediction, sample or flow");
    visit("timestep_spacing", self.timestep_spacing,
          "how noise levels are spaced; empty for the sampler's own");
    visit("steps_offset", self.steps_offset, "added to every timestep of the leading spacing");
    visit("set_alpha_to_one", self.set_alpha_to_one, "DDIM ends at no noise, not at timestep 0");
    visit("final_sigmas_type", self.final_sigmas_type, "the last level: zero or sigma_min");
    visit("interpolation_type", self.interpolation_type,
          "sigma between timesteps: linear, or log_linear for equal steps in log sigma");
    visit("use_karras_sigmas", self.use_karras_sigmas, "space as Karras et al. 2022");
    visit("use_exponential_sigmas", self.use_exponential_sigmas, "space evenly in log sigma");
    visit("use_beta_sigmas", self.use_beta_sigmas, "space by the beta distribution");
    visit("use_lu_lambdas", self.use_lu_lambdas, "space as Lu et al. 2022, evenly in log SNR");
    visit("sigmas_in_table_order", self.sigmas_in_table_order,
          "exponential and beta sigmas run upwards, as in diffusers' DPM-Solver");
    visit("timestep_rounding", self.timestep_rounding,
          "of timesteps found from sigmas: none, nearest or down");
    visit("sigma_min", self.sigma_min, "lowest sigma of a spacing by sigma; 0 the table's");
    visit("sigma_max", self.sigma_max, "highest sigma of a spacing by sigma; 0 the table's");
    visit("sigma_data", self.sigma_data, "standard deviation of the data (EDM)");
    visit("rho", self.rho, "exponent of a spacing; 0 its own: 7 for karras, 1 for polyexponential");
    visit("shift", self.shift, "timestep shift of rectified flow (Esser et al. 2024)");
    visit("clip_sample", self.clip_sample, "clip the clean estimate");
    visit("clip_sample_range", self.clip_sample_range, "to plus and minus this");
    visit("thresholding", self.thresholding, "dynamic thresholding (Saharia et al. 2022)");
    visit("dynamic_thresholding_ratio", self.dynamic_thresholding_ratio, "its quantile");
    visit("sample_max_value", self.sample_max_value, "its highest threshold");
    visit("solver_order", self.solver_order, "order of the solver; 0 its own");
    visit("algorithm_type", self.algorithm_type,
          "dpmsolver++, dpmsolver, sde-dpmsolver++ or sde-dpmsolver");
    visit("solver_type", self.solver_type, "midpoint, heun, bh1 or bh2; empty the sampler's own");
    visit("predict_x0", self.predict_x0, "UniPC over clean estimates, not noise estimates");
    visit("lower_order_final", self.lower_order_final, "lower the order in the last steps");
    visit("euler_at_final", self.euler_at_final, "first order in the last step");
    visit("disable_corrector", self.disable_corrector, "steps after which UniPC does not correct");
    visit("variance_type", self.variance_type, "DDPM's variance: fixed_small or fixed_large");
    visit("skip_prk_steps", self.skip_prk_steps, "PNDM without its Runge-Kutta start");
    visit("original_inference_steps", self.original_inference_steps,
          "steps of the teacher of a consistency model");
    visit("timestep_scaling", self.timestep_scaling, "of LCM's boundary condition");
  }
};

/// The betas of the forward process (float32, as published checkpoints were trained with).
/// Throws Error for an unknown beta_schedule.
Tensor betas_of(const ScheduleConfig& config);

/// Shifts and stretches sqrt(alphas_cumprod) so that the last step carries no signal.
/// Lin et al. 2023, algorithm 1. betas: [steps].
Tensor rescale_zero_terminal_snr(const Tensor& betas);

/// The relation between a network's timestep and the noise level, both ways. Cheap to copy.
class Schedule {
 public:
  /// Throws Error for values that fit no schedule.
  explicit Schedule(const ScheduleConfig& config);

  /// Timesteps of the forward process, e.g. 1000.
  int size() const { return size_; }

  /// The level of a timestep, scaled as the network was trained (variance preserving for tables,
  /// alpha + sigma = 1 for flow). A fractional timestep of a table is interpolated in log ratio.
  NoiseLevel level(double timestep) const;

  /// The timestep of a level; between two of a table's levels interpolated in log ratio, beyond
  /// its ends the end.
  double timestep_of(NoiseLevel level) const;
  /// The nearest whole timestep of a table's level, in log ratio.
  double nearest_timestep_of(NoiseLevel level) const;

  /// Lowest and highest noise-to-signal ratio that a spacing by sigma runs over. A table that ends
  /// without signal gives sqrt(2^24 - 1), as in diffusers.
  double ratio_min() const { return ratio_min_; }
  double ratio_max() const { return ratio_max_; }

  /// Products of 1 - beta; empty for continuous schedules.
  std::span<const double> alphas_cumprod() const { return table_->alphas_cumprod; }
  /// Noise-to-signal ratio of every timestep; empty for continuous schedules.
  std::span<const double> ratios() const { return table_->ratios; }

 private:
  enum class Kind { table, flow, edm, angle };
  struct Table {
    std::vector<double> alphas_cumprod, ratios, log_ratios;
  };
  Kind kind_ = Kind::table;
  int size_ = 0;
  double ratio_min_ = 0, ratio_max_ = 0;
  std::shared_ptr<const Table> table_;
};

}  // namespace sumi
