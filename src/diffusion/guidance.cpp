#include "diffusion/guidance.h"

#include <utility>

#include "core/error.h"
#include "diffusion/moves.h"

namespace sumi {
namespace {

/// Guides clean estimates of one x at one level; the rescale looks at the noise estimates.
Tensor guide(const Tensor& x, NoiseLevel level, const Tensor& positive, const Tensor& guided,
             double rescale) {
  if (rescale == 0 || level.alpha == 0) return guided;
  const auto noise =
      rescale_contrast(noise_in(x, guided, level), noise_in(x, positive, level), rescale);
  return (x - level.sigma * noise) / level.alpha;
}

}  // namespace

Tensor combine(const Tensor& positive, const Tensor& negative, double scale) {
  return negative + scale * (positive - negative);
}

Tensor combine(std::span<const Tensor> positives, std::span<const double> weights,
               const Tensor& negative, double scale) {
  if (positives.size() != weights.size() || positives.empty())
    throw Error("a composition needs one weight for each conditioning", "give as many of both");
  Tensor sum = negative;
  for (std::size_t k = 0; k < positives.size(); ++k)
    sum = sum + scale * weights[k] * (positives[k] - negative);
  return sum;
}

Tensor combine_edit(const Tensor& full, const Tensor& image, const Tensor& none, double scale,
                    double image_scale) {
  return none + image_scale * (image - none) + scale * (full - image);
}

Tensor rescale_contrast(const Tensor& guided, const Tensor& positive, double amount) {
  std::vector<std::int64_t> dims;
  for (std::int64_t d = 1; d < guided.dim(); ++d) dims.push_back(d);
  const auto matched = guided * (positive.std(dims, true, true) / guided.std(dims, true, true));
  return amount * matched + (1 - amount) * guided;
}

Denoiser with_guidance(Denoiser positive, Denoiser negative, Guidance guidance) {
  return with_guidance(std::vector{std::move(positive)}, {1.0}, std::move(negative), guidance);
}

Denoiser with_guidance(std::vector<Denoiser> positives, std::vector<double> weights,
                       Denoiser negative, Guidance guidance) {
  if (positives.size() != weights.size() || positives.empty())
    throw Error("a composition needs one weight for each conditioning", "give as many of both");
  return [=](const Tensor& x, NoiseLevel level) {
    std::vector<Tensor> cleans;
    for (const auto& positive : positives) cleans.push_back(positive(x, level));
    Tensor together = weights[0] * cleans[0];
    double total = weights[0];
    for (std::size_t k = 1; k < cleans.size(); ++k) {
      together = together + weights[k] * cleans[k];
      total += weights[k];
    }
    together = together / total;
    if (guidance.scale == 1 && cleans.size() == 1 && weights[0] == 1) return together;
    if (!guidance.acts_at(level)) return together;
    const auto guided = combine(cleans, weights, negative(x, level), guidance.scale);
    return guide(x, level, together, guided, guidance.rescale);
  };
}

Denoiser with_mask(Denoiser denoise, Tensor original, Tensor mask) {
  return [=](const Tensor& x, NoiseLevel level) {
    return mask * denoise(x, level) + (1 - mask) * original;
  };
}

Tensor clip_range(const Tensor& clean, double range) { return clean.clamp(-range, range); }

Tensor dynamic_threshold(const Tensor& clean, double quantile, double highest) {
  std::vector<std::int64_t> shape(std::size_t(clean.dim()), 1);
  shape[0] = clean.size(0);
  const auto limit =
      torch::quantile(clean.flatten(1).abs(), quantile, 1).clamp(1, highest).view(shape);
  return torch::minimum(torch::maximum(clean, -limit), limit) / limit;
}

}  // namespace sumi
