#include "training/prodigy.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

namespace sumi {

Prodigy::Prodigy(const Tensor& weights, std::vector<ParameterSpan> spans,
                 const OptimiserConfig& config, TensorTotal total, const StateMemory& memory)
    : config_(config),
      spans_(std::move(spans)),
      total_(std::move(total)),
      distance_(config.prodigy_start),
      mean_(memory.zeros(weights.numel(), weights.options())),
      square_(memory.zeros(weights.numel(), weights.options())),
      sums_(memory.zeros(weights.numel(), weights.options())),
      start_(memory.copy_of(weights)) {}

/// One tensor's update; returns its parts of r and of |s|₁.
Prodigy::Sums Prodigy::step_span(const ParameterSpan& span, Tensor& weights,
                                 const Tensor& gradients, double rate, double gradient_scale) {
  const auto part = [&](const Tensor& flat) {
    return flat.narrow(0, span.first, span.last - span.first);
  };
  const double d = distance_, memory = std::sqrt(config_.beta2), own = rate * span.rate * d;
  const Tensor slope = part(gradients) * gradient_scale;
  Tensor w = part(weights), mean = part(mean_), square = part(square_), sums = part(sums_);
  const double inner = dot_of(slope, part(start_) - w);
  sums.mul_(memory).add_(slope, (1 - memory) * rate * d * d);
  mean.mul_(config_.beta1).add_(slope, (1 - config_.beta1) * d);
  square.mul_(config_.beta2).addcmul_(slope, slope, (1 - config_.beta2) * d * d);
  if (span.decays) w.mul_(1 - own * config_.weight_decay);
  w.addcdiv_(mean, square.sqrt().add_(d * config_.epsilon), -own);
  return {inner, absolute_sum_of(sums)};
}

void Prodigy::step(Tensor& weights, const Tensor& gradients, double rate, double gradient_scale) {
  const c10::NoGradGuard no_grad;
  std::vector<Range> parts;
  for (const auto& span : spans_) parts.push_back({span.first, span.last});
  std::vector<double> inner, size;
  part_by_part(parts, {weights, gradients, mean_, square_, sums_, start_}, [&](std::size_t i) {
    const Sums sums = step_span(spans_[i], weights, gradients, rate, gradient_scale);
    inner.push_back(sums.inner);
    size.push_back(sums.size);
  });
  const double d = distance_, memory = std::sqrt(config_.beta2);
  progress_ = memory * progress_ + (1 - memory) * rate * d * d * total_(inner);
  const double sum = total_(size);
  if (sum > 0) distance_ = std::max(d, progress_ / sum);
}

}  // namespace sumi
