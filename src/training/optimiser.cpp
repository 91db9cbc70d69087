#include "training/optimiser.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <numeric>

#include "core/error.h"

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

void check(const AdamWConfig& config) {
  const auto refuse = [](const char* field, double value, const char* hint) {
    throw Error(fmt::format("optimiser.{}: {} makes no sense", field, value), hint);
  };
  if (!(config.beta1 >= 0 && config.beta1 < 1)) refuse("beta1", config.beta1, "use 0.9");
  if (!(config.beta2 >= 0 && config.beta2 < 1)) refuse("beta2", config.beta2, "use 0.99");
  if (!(config.epsilon > 0 && config.epsilon < 1)) refuse("epsilon", config.epsilon, "use 1e-8");
  if (!(config.weight_decay >= 0 && config.weight_decay < 10))
    refuse("weight_decay", config.weight_decay, "use 0.01");
  if (config.matrices != "adamw" && config.matrices != "muon")
    throw Error(fmt::format("optimiser.matrices: unknown way \"{}\"", config.matrices),
                "use adamw or muon");
  if (!(config.momentum >= 0 && config.momentum < 1))
    refuse("momentum", config.momentum, "use a number from 0 to below 1, e.g. 0.95");
  if (!(config.clip_norm >= 0 && std::isfinite(config.clip_norm)))
    refuse("clip_norm", config.clip_norm, "use 1, or 0 to never clip");
}

AdamW::AdamW(const Tensor& weights, std::int64_t decayed, const AdamWConfig& config)
    : config_(config),
      decayed_(decayed),
      mean_(at::zeros_like(weights)),
      square_(at::zeros_like(weights)) {}

void AdamW::step(Tensor& weights, const Tensor& gradients, double rate, double gradient_scale) {
  const c10::NoGradGuard no_grad;
  ++steps_;
  if (!weights.is_cpu()) return step_plain(weights, gradients, rate, gradient_scale);
  const double correction1 = 1 - std::pow(config_.beta1, static_cast<double>(steps_));
  const double correction2 = 1 - std::pow(config_.beta2, static_cast<double>(steps_));
  const auto run = [&](std::int64_t first, std::int64_t last, double decay) {
    const Update update{
        static_cast<float>(config_.beta1),      static_cast<float>(config_.beta2),
        static_cast<float>(gradient_scale),     static_cast<float>(1 - rate * decay),
        static_cast<float>(rate / correction1), static_cast<float>(1 / std::sqrt(correction2)),
        static_cast<float>(config_.epsilon)};
    float* w = weights.data_ptr<float>();
    const float* g = gradients.data_ptr<float>();
    float* m = mean_.data_ptr<float>();
    float* v = square_.data_ptr<float>();
    at::parallel_for(first, last, kGrain, [&](std::int64_t begin, std::int64_t end) {
      update_range(update, end - begin, w + begin, g + begin, m + begin, v + begin);
    });
  };
  run(0, decayed_, config_.weight_decay);
  run(decayed_, weights.numel(), 0);
}

void AdamW::step_plain(Tensor& weights, const Tensor& gradients, double rate,
                       double gradient_scale) {
  const Tensor slope = gradients * gradient_scale;
  mean_.mul_(config_.beta1).add_(slope, 1 - config_.beta1);
  square_.mul_(config_.beta2).addcmul_(slope, slope, 1 - config_.beta2);
  const double correction1 = 1 - std::pow(config_.beta1, static_cast<double>(steps_));
  const double correction2 = 1 - std::pow(config_.beta2, static_cast<double>(steps_));
  weights.narrow(0, 0, decayed_).mul_(1 - rate * config_.weight_decay);
  weights.addcdiv_(mean_, square_.sqrt().div_(std::sqrt(correction2)).add_(config_.epsilon),
                   -rate / correction1);
}

double norm_of(const Tensor& flat) {
  const c10::NoGradGuard no_grad;
  if (!flat.is_cpu()) return flat.norm().item<double>();
  const std::int64_t size = flat.numel();
  const float* values = flat.data_ptr<float>();
  std::vector<double> sums(static_cast<std::size_t>((size + kGrain - 1) / kGrain));
  at::parallel_for(0, static_cast<std::int64_t>(sums.size()), 1,
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t chunk = begin; chunk < end; ++chunk) {
                       double sum = 0;
                       const std::int64_t last = std::min(size, (chunk + 1) * kGrain);
                       for (std::int64_t i = chunk * kGrain; i < last; ++i)
                         sum += static_cast<double>(values[i]) * values[i];
                       sums[static_cast<std::size_t>(chunk)] = sum;
                     }
                   });
  return std::sqrt(std::accumulate(sums.begin(), sums.end(), 0.0));
}

double ema_decay_at(double decay, std::int64_t step) {
  const auto t = static_cast<double>(step);
  return std::min(decay, (1 + t) / (10 + t));
}

void update_average(Tensor& average, const Tensor& weights, double decay) {
  const c10::NoGradGuard no_grad;
  average.lerp_(weights, 1 - decay);
}

}  // namespace sumi
