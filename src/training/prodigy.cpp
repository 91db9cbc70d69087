#include "training/prodigy.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "training/reductions.h"

namespace sumi {

Prodigy::Prodigy(const Tensor& weights, std::vector<ParameterSpan> spans,
                 const OptimiserConfig& config)
    : config_(config),
      spans_(std::move(spans)),
      distance_(config.prodigy_start),
      mean_(at::zeros_like(weights).detach()),
      square_(mean_.clone()),
      sums_(mean_.clone()),
      start_(weights.detach().clone()) {}

void Prodigy::step(Tensor& weights, const Tensor& gradients, double rate, double gradient_scale) {
  const c10::NoGradGuard no_grad;
  const Tensor slope = gradients * gradient_scale;
  const double d = distance_, memory = std::sqrt(config_.beta2);
  const double weight = (1 - memory) * rate * d * d;
  progress_ = memory * progress_ + weight * dot_of(slope, start_ - weights);
  sums_.mul_(memory).add_(slope, weight);
  mean_.mul_(config_.beta1).add_(slope, (1 - config_.beta1) * d);
  square_.mul_(config_.beta2).addcmul_(slope, slope, (1 - config_.beta2) * d * d);
  for (const auto& [first, last, decays, factor] : spans_) {
    const auto part = [&, from = first, length = last - first](const Tensor& flat) {
      return flat.narrow(0, from, length);
    };
    if (decays) part(weights).mul_(1 - rate * factor * d * config_.weight_decay);
    part(weights).addcdiv_(part(mean_), part(square_).sqrt().add_(d * config_.epsilon),
                           -rate * factor * d);
  }
  if (const double sum = absolute_sum_of(sums_); sum > 0) distance_ = std::max(d, progress_ / sum);
}

}  // namespace sumi
