#include "training/adamw.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

namespace sumi {
namespace {

constexpr std::int64_t kGrain = 1 << 15;  // elements per piece of parallel work

struct Update {
  float beta1, beta2, gradient_scale, shrink, rate, root_scale, epsilon;
};

/// The whole update of `count` neighbouring elements; the compiler vectorises it.
void update_range(const Update& u, std::int64_t count, float* __restrict w,
                  const float* __restrict g, float* __restrict m, float* __restrict v) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float slope = g[i] * u.gradient_scale;
    const float mean = u.beta1 * m[i] + (1 - u.beta1) * slope;
    const float square = u.beta2 * v[i] + (1 - u.beta2) * slope * slope;
    m[i] = mean;
    v[i] = square;
    w[i] = w[i] * u.shrink - u.rate * mean / (std::sqrt(square) * u.root_scale + u.epsilon);
  }
}

}  // namespace

AdamW::AdamW(const Tensor& weights, std::vector<ParameterSpan> spans, const OptimiserConfig& config,
             const StateMemory& memory)
    : config_(config),
      spans_(std::move(spans)),
      mean_(memory.zeros(weights.numel(), weights.options())),
      square_(memory.zeros(weights.numel(), weights.options())) {}

void AdamW::step(Tensor& weights, const Tensor& gradients, double rate, double gradient_scale) {
  const c10::NoGradGuard no_grad;
  ++steps_;
  if (!weights.is_cpu()) return step_plain(weights, gradients, rate, gradient_scale);
  piece_by_piece(weights.numel(), {weights, gradients, mean_, square_},
                 [&](std::int64_t first, std::int64_t length) {
                   step_piece(weights, gradients, rate, gradient_scale, {first, first + length});
                 });
}

void AdamW::step_piece(Tensor& weights, const Tensor& gradients, double rate, double gradient_scale,
                       const Range& piece) {
  const double correction1 = 1 - std::pow(config_.beta1, static_cast<double>(steps_));
  const double correction2 = 1 - std::pow(config_.beta2, static_cast<double>(steps_));
  float* w = weights.data_ptr<float>();
  const float* g = gradients.data_ptr<float>();
  float* m = mean_.data_ptr<float>();
  float* v = square_.data_ptr<float>();
  for (const auto& span : spans_) {
    const auto first = std::max(span.first, piece.first), last = std::min(span.last, piece.last);
    if (first >= last) continue;
    const double own = rate * span.rate, decay = span.decays ? config_.weight_decay : 0;
    const Update update{
        static_cast<float>(config_.beta1),     static_cast<float>(config_.beta2),
        static_cast<float>(gradient_scale),    static_cast<float>(1 - own * decay),
        static_cast<float>(own / correction1), static_cast<float>(1 / std::sqrt(correction2)),
        static_cast<float>(config_.epsilon)};
    at::parallel_for(first, last, kGrain, [&](std::int64_t begin, std::int64_t end) {
      update_range(update, end - begin, w + begin, g + begin, m + begin, v + begin);
    });
  }
}

void AdamW::step_plain(Tensor& weights, const Tensor& gradients, double rate,
                       double gradient_scale) {
  const Tensor slope = gradients * gradient_scale;
  mean_.mul_(config_.beta1).add_(slope, 1 - config_.beta1);
  square_.mul_(config_.beta2).addcmul_(slope, slope, 1 - config_.beta2);
  const double correction1 = 1 - std::pow(config_.beta1, static_cast<double>(steps_));
  const double correction2 = 1 - std::pow(config_.beta2, static_cast<double>(steps_));
  for (const auto& [first, last, decays, factor] : spans_) {
    const auto part = [&, from = first, length = last - first](const Tensor& flat) {
      return flat.narrow(0, from, length);
    };
    if (decays) part(weights).mul_(1 - rate * factor * config_.weight_decay);
    part(weights).addcdiv_(part(mean_),
                           part(square_).sqrt().div_(std::sqrt(correction2)).add_(config_.epsilon),
                           -rate * factor / correction1);
  }
}

}  // namespace sumi
