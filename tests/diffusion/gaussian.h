#pragma once

#include <cmath>

#include "diffusion/noise_level.h"
#include "diffusion/parameterisation.h"
#include "diffusion/schedule.h"

namespace sumi {

/// Data drawn from N(mean, deviation²), for which everything has a closed form.
struct GaussianData {
  double mean = 0.7, deviation = 0.5;

  /// The best possible Denoiser: E[clean | x].
  Denoiser denoiser() const {
    return [*this](const Tensor& x, NoiseLevel level) {
      const double a = level.alpha, s2 = level.sigma * level.sigma, d2 = deviation * deviation;
      return (mean * s2 + a * d2 * x) / (a * a * d2 + s2);
    };
  }
  /// The network whose preconditioned form is that Denoiser.
  Network network(Parameterisation scale, Schedule schedule) const {
    return [denoise = denoiser(), scale, schedule](const Tensor& input, const Tensor& timestep) {
      const auto level = schedule.level(timestep[0].item<double>());
      const auto x = input / scale.scalings(level).in;
      return network_output(scale, denoise(x, level), x, level);
    };
  }
  /// Where the probability-flow ODE carries x: it keeps (x - alpha * mean) / its deviation.
  Tensor carried(const Tensor& x, NoiseLevel from, NoiseLevel to) const {
    const auto spread = [&](NoiseLevel at) { return std::hypot(at.alpha * deviation, at.sigma); };
    return to.alpha * mean + (x - from.alpha * mean) * (spread(to) / spread(from));
  }
};

}  // namespace sumi
