#pragma once

#include <cmath>

#include "diffusion/noise_level.h"

namespace sumi {

/// What a Denoiser's answer says about x.
struct Estimate {
  Tensor clean, noise;
};

inline Tensor noise_in(const Tensor& x, const Tensor& clean, NoiseLevel at) {
  return (x - at.alpha * clean) / at.sigma;
}

inline Estimate estimate(const Denoiser& denoise, const Tensor& x, NoiseLevel at) {
  Tensor clean = denoise(x, at);
  Tensor noise = noise_in(x, clean, at);
  return {std::move(clean), std::move(noise)};
}

/// Carries x to another level as if `clean` held all the way: DDIM, and the first-order exponential
/// integrator over clean estimates.
inline Tensor along_clean(const Tensor& x, const Tensor& clean, NoiseLevel from, NoiseLevel to) {
  const double keep = to.sigma / from.sigma;
  return keep * x + (to.alpha - from.alpha * keep) * clean;
}

/// Carries x to another level as if `noise` held all the way. At zero signal x is taken to be all
/// noise.
inline Tensor along_noise(const Tensor& x, const Tensor& noise, NoiseLevel from, NoiseLevel to) {
  const double keep = to.alpha / std::max(from.alpha, 1e-8);
  return keep * (x - from.sigma * noise) + to.sigma * noise;
}

/// A step that ends at `to` with noise of which `up` is fresh and `down` the estimate's:
/// down² + up² = to.sigma². At eta = 1, up² is the variance of the forward process' posterior.
struct Split {
  double down, up;
};
inline Split ancestral(NoiseLevel from, NoiseLevel to, double eta) {
  if (eta == 0) return {to.sigma, 0};
  const double shrink = to.ratio() / from.ratio();
  const double up =
      std::min(to.sigma, eta * to.sigma * std::sqrt(std::max(0.0, 1 - shrink * shrink)));
  return {std::sqrt(to.sigma * to.sigma - up * up), up};
}

/// The level between two in log ratio, scaled as `from`. One part in 10^12 off, so that where it
/// falls on a level that a plan lists (DPM2 a: on the next one) it is not mistaken for it.
inline NoiseLevel between(NoiseLevel from, NoiseLevel to, double fraction = 0.5) {
  const double log_ratio =
      (1 - fraction) * std::log(from.ratio()) + fraction * std::log(to.ratio()) + 1e-12;
  return {from.alpha, from.alpha * std::exp(log_ratio)};
}

/// Forward process between two levels: adds the noise by which `to` exceeds `from`.
inline Tensor add_noise_between(const Tensor& x, const Tensor& noise, NoiseLevel from,
                                NoiseLevel to) {
  const double keep = to.alpha / from.alpha;
  const double kept_sigma = keep * from.sigma;
  return keep * x + std::sqrt(std::max(0.0, to.sigma * to.sigma - kept_sigma * kept_sigma)) * noise;
}

/// Half the logarithm of the signal-to-noise ratio (DPM-Solver's lambda).
inline double log_signal(NoiseLevel level) { return std::log(level.alpha) - std::log(level.sigma); }

}  // namespace sumi
