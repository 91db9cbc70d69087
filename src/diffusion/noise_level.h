#pragma once

#include <cmath>
#include <functional>
#include <span>

#include "core/tensor.h"

namespace sumi {

/// A point of the forward process: x = alpha * clean + sigma * noise, with unit normal noise.
/// Variance preserving (alpha² + sigma² = 1), variance exploding (alpha = 1) and rectified flow
/// (alpha + sigma = 1) are three ways to scale the same x; only sigma / alpha tells how noisy it
/// is.
struct NoiseLevel {
  double alpha = 1;
  double sigma = 0;

  /// Noise-to-signal ratio: the sigma of Karras et al. 2022; infinite at zero signal.
  double ratio() const { return sigma / alpha; }

  bool operator==(const NoiseLevel&) const = default;
};

/// The level of the given ratio whose alpha is 1.
inline NoiseLevel exploding(double ratio) { return {1, ratio}; }
/// The level of the given ratio whose alpha² + sigma² is 1.
inline NoiseLevel preserving(double ratio) {
  const double alpha = 1 / std::sqrt(ratio * ratio + 1);
  return {alpha, ratio * alpha};
}

/// Predicts the clean latents from noisy ones: x [batch, …] at one level -> clean [batch, …].
/// The answer depends on x and the level together, not on how both are scaled:
/// denoise(x, {a, s}) == denoise(k * x, {k * a, k * s}).
/// Guidance, progress, preview, cancelling, caching and inpainting are decorators around one.
using Denoiser = std::function<Tensor(const Tensor& x, NoiseLevel level)>;

/// The forward process: alpha * clean + sigma * noise.
inline Tensor add_noise(const Tensor& clean, const Tensor& noise, NoiseLevel level) {
  return level.alpha * clean + level.sigma * noise;
}

/// The same for a training batch: item i is brought to levels[i].
Tensor add_noise(const Tensor& clean, const Tensor& noise, std::span<const NoiseLevel> levels);

}  // namespace sumi
