#pragma once

#include <cstdint>

#include "core/tensor.h"
#include "diffusion/parameterisation.h"
#include "diffusion/schedule.h"
#include "training/recipe.h"

namespace sumi {

/// What a diffusion network is taught: the forward process, what it predicts, and how much each
/// noise level counts.
struct Objective {
  Schedule schedule;
  Parameterisation scale;
  LossWeighting weighting;
  double gamma;

  Objective(const ScheduleConfig& process, const ObjectiveConfig& config);
};

/// Timesteps for a batch, one from each of `count` equal parts of the process, so that every batch
/// covers all noise levels alike. Float [count], whole numbers.
Tensor stratified_timesteps(const Objective& objective, int count, std::uint64_t seed);

/// E over the batch of  w(t) |F(c_in x_t, t) - target|²  with  x_t = alpha_t clean + sigma_t noise,
/// target = (clean - c_skip x_t) / c_out (Karras et al. 2022, equation 8), w after Hang et al.
/// 2023. clean, noise: [N, C, H, W]; timesteps: [N].
Tensor diffusion_loss(const Objective& objective, const Network& network, const Tensor& clean,
                      const Tensor& noise, const Tensor& timesteps);

}  // namespace sumi
