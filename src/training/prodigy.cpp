#include "training/prodigy.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

namespace sumi {

Prodigy::Prodigy(const Tensor& weights, std::vector<ParameterSpan> spans,
                 const OptimiserConfig& config, TensorTotal total)
    : config_(config),
      spans_(std::move(spans)),
      total_(std::move(total)),
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
  const Tensor way = start_ - weights;
  const auto sum_of = [&](const auto& sum) {
    std::vector<double> own;
    for (const auto& span : spans_) own.push_back(sum(span.first, span.last - span.first));
    return total_(own);
  };
  progress_ = memory * progress_ +
              weight * sum_of([&](std::int64_t first, std::int64_t length) {
                return dot_of(slope.narrow(0, first, length), way.narrow(0, first, length));
              });
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
  const double sum = sum_of([&](std::int64_t first, std::int64_t length) {
    return absolute_sum_of(sums_.narrow(0, first, length));
  });
  if (sum > 0) distance_ = std::max(d, progress_ / sum);
}

}  // namespace sumi
