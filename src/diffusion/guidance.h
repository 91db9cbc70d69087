#pragma once

#include <span>
#include <vector>

#include "diffusion/noise_level.h"

namespace sumi {

/// Where and how strongly guidance acts.
struct Guidance {
  double scale = 7.5;    ///< Ho & Salimans 2022; 1 leaves the positive estimate
  double rescale = 0;    ///< Lin et al. 2023, section 3.4: 0 none, 1 the positive's contrast
  double ratio_low = 0;  ///< guide only above this sigma / alpha (Kynkäänniemi et al. 2024) …
  double ratio_high = 1e9;  ///< … and up to this one
  /// Whether a level lies in the interval.
  bool acts_at(NoiseLevel level) const {
    return level.ratio() > ratio_low && !(level.ratio() > ratio_high);
  }
};

/// negative + scale * (positive - negative). Estimates of any kind (clean, noise or velocity).
Tensor combine(const Tensor& positive, const Tensor& negative, double scale);

/// Weighted composition (AND, Liu et al. 2022): negative + scale * sum_k w_k * (positive_k -
/// negative).
Tensor combine(std::span<const Tensor> positives, std::span<const double> weights,
               const Tensor& negative, double scale);

/// Instruct-pix2pix (Brooks et al. 2023, eq. 3): none + image_scale * (image - none) + scale *
/// (full - image).
Tensor combine_edit(const Tensor& full, const Tensor& image, const Tensor& none, double scale,
                    double image_scale);

/// Brings each item's standard deviation back towards that of the positive estimate. Defined by its
/// authors on the network's output; `guided` and `positive` are of one kind.
Tensor rescale_contrast(const Tensor& guided, const Tensor& positive, double amount);

/// Guidance as a decorator. Outside the interval only `positive` is called. The rescale is applied
/// to noise estimates; pipelines, which see the network's output, apply it there.
Denoiser with_guidance(Denoiser positive, Denoiser negative, Guidance guidance);
inline Denoiser with_guidance(Denoiser positive, Denoiser negative, double scale) {
  return with_guidance(std::move(positive), std::move(negative), Guidance{.scale = scale});
}

/// Composition of several conditionings, each with its weight.
Denoiser with_guidance(std::vector<Denoiser> positives, std::vector<double> weights,
                       Denoiser negative, Guidance guidance);

/// Keeps what the mask leaves out: where `mask` is 0 the clean estimate is `original`.
/// mask broadcasts to the latents; 1 redraws.
Denoiser with_mask(Denoiser denoise, Tensor original, Tensor mask);

/// Clips the clean estimate to [-range, range].
Tensor clip_range(const Tensor& clean, double range);
/// Dynamic thresholding (Saharia et al. 2022): divides by the quantile of each item's absolute
/// values, held between 1 and `highest`, and clips to [-1, 1].
Tensor dynamic_threshold(const Tensor& clean, double quantile, double highest);

}  // namespace sumi
