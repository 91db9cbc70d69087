#pragma once

#include <cstdint>

#include "core/tensor.h"
#include "diffusion/parameterisation.h"
#include "diffusion/schedule.h"
#include "training/objective_config.h"

namespace sumi {

/// What a diffusion network is taught: the forward process, what it predicts, and how much each
/// noise level counts.
struct Objective {
  Schedule schedule;
  Parameterisation scale;
  ObjectiveConfig config;
  bool continuous;  ///< rectified flow: timesteps between whole numbers are taught too

  Objective(const ScheduleConfig& process, const ObjectiveConfig& taught);
};

/// Timesteps for a batch, one from each of `count` parts of equal probability, so that every batch
/// covers all noise levels alike: evenly over the process, or t = sigmoid(mean + deviation z) of
/// its length, z normal (Esser et al. 2024, section 3.1). Float [count] on the host; whole numbers
/// unless the process is continuous.
Tensor stratified_timesteps(const Objective& objective, int count, std::uint64_t seed);

/// The noise of a batch, [N, C, H, W]. Beside plain noise, where the recipe asks:
///   - an offset, one normal number for each item and channel (Guttenberg 2023), and
///   - coarser noise, halved in size level by level down to one pixel, each level `discount` times
///     the one before, the sum scaled back to unit variance (multi-resolution noise, Whitaker
///     2023).
/// Drawn on the host: the same on every device.
Tensor training_noise(const ObjectiveConfig& config, at::IntArrayRef sizes, std::uint64_t seed,
                      torch::Device device = torch::kCPU);

/// How much the squared error of the network's output counts at a noise level, for a network of
/// which clean = skip x + out F. With SNR = alpha² / sigma² and the error of epsilon, SNR out² |F -
/// target|²:
///   uniform   1 on the output;
///   min_snr   min(SNR, gamma) on clean (Hang et al. 2023);
///   debiased  1 / sqrt(SNR) on epsilon (Yu et al. 2023);
///   p2        1 / (k + SNR)^gamma on epsilon (Choi et al. 2022).
double error_weight(const Objective& objective, NoiseLevel level);

/// E over the batch of  w(t) |F(c_in x_t, t) - target|²  with  x_t = alpha_t clean + sigma_t noise,
/// target = (clean - c_skip x_t) / c_out (Karras et al. 2022, equation 8), w as error_weight().
/// clean, noise: [N, C, H, W]; timesteps: [N] on the host. `masks`, where defined: [N, 1, h, w] in
/// 0 to 1, how much each pixel counts; a sample's error is then the mean over what its mask shows.
Tensor diffusion_loss(const Objective& objective, const Network& network, const Tensor& clean,
                      const Tensor& noise, const Tensor& timesteps, const Tensor& masks = {});

}  // namespace sumi
