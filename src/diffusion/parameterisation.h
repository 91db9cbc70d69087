#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "diffusion/noise_level.h"
#include "diffusion/schedule.h"

namespace sumi {

/// The bare network: input [batch, …] and timestep [batch] (float32) -> output [batch, …].
using Network = std::function<Tensor(const Tensor& input, const Tensor& timestep)>;

/// What a network was trained to predict.
enum class Prediction {
  epsilon,   ///< the noise
  velocity,  ///< alpha * noise - sigma * clean (Salimans & Ho 2022)
  sample,    ///< the clean latents
  flow,      ///< noise - clean (rectified flow)
  edm,       ///< EDM's F (Karras et al. 2022, table 1)
  edm_v      ///< EDM's F with the sign of velocity
};

/// "epsilon", "v_prediction" (or "v", "velocity"), "sample", "flow" (or "flow_prediction").
/// Throws Error listing the names.
Prediction prediction_of(std::string_view name);

/// Clean = skip * x + out * network(in * x, time): EDM's c_skip, c_out, c_in, c_noise.
struct Scalings {
  double skip, out, in, time;
};

using TimestepOf = std::function<double(NoiseLevel)>;

/// How a network's output turns into clean latents at any noise level, for sampling and training
/// alike.
struct Parameterisation {
  Prediction prediction = Prediction::epsilon;
  double sigma_data = 1;  ///< standard deviation of the data, EDM only

  Parameterisation() = default;
  Parameterisation(Prediction what, double data = 1) : prediction(what), sigma_data(data) {}
  explicit Parameterisation(const ScheduleConfig& config);

  /// The level may be scaled in any way; `time` is left 0.
  Scalings scalings(NoiseLevel level) const;
};

/// Wraps a network into a Denoiser; `timestep_of` says which time the network is told.
Denoiser precondition(Network network, Parameterisation scale, TimestepOf timestep_of);
/// The same with the schedule's interpolated timesteps.
Denoiser precondition(Network network, Parameterisation scale, const Schedule& schedule);

/// The network's output from which a Denoiser's answer was made: (clean - skip * x) / out.
Tensor network_output(const Parameterisation& scale, const Tensor& clean, const Tensor& x,
                      NoiseLevel level);

/// What a training step feeds and asks of the network; item i of the batch is at levels[i].
struct TrainingPair {
  Tensor input;    ///< in * noisy
  Tensor target;   ///< (clean - skip * noisy) / out
  Tensor weights;  ///< out², [batch]: a squared error of the output times this is one of clean
};

/// clean, noise: [batch, …].
TrainingPair training_pair(const Parameterisation& scale, const Tensor& clean, const Tensor& noise,
                           std::span<const NoiseLevel> levels);

enum class LossWeighting {
  uniform,  ///< every output error counts alike
  min_snr   ///< min(SNR, gamma) on the error of clean (Hang et al. 2023)
};

/// Weights of the output's squared error, [batch] float32.
Tensor loss_weights(const Parameterisation& scale, std::span<const NoiseLevel> levels,
                    LossWeighting weighting, double gamma = 5);

}  // namespace sumi
