#include "training/learning_rate.h"

#include <cmath>
#include <numbers>

#include "core/error.h"

namespace sumi {

void check(const LearningRateConfig& config) {
  if (!(config.peak > 0 && config.peak <= 1))
    throw Error(fmt::format("learning_rate.peak: {} is not above 0 and at most 1", config.peak),
                "2e-4 is a good start for AdamW; Prodigy takes 1");
  if (config.warmup_samples < 0)
    throw Error(fmt::format("learning_rate.warmup_samples: {} is negative", config.warmup_samples),
                "use 0 for none");
  if (!(config.floor_fraction >= 0 && config.floor_fraction <= 1))
    throw Error(
        fmt::format("learning_rate.floor_fraction: {} is not in 0 to 1", config.floor_fraction),
        "0.05 ends at a twentieth of the peak");
  if (config.decay != "cosine" && config.decay != "linear" && config.decay != "constant")
    throw Error(fmt::format("learning_rate.decay: unknown word \"{}\"", config.decay),
                "use cosine, linear or constant");
}

double learning_rate(const LearningRateConfig& config, std::int64_t samples,
                     std::int64_t total_samples) {
  const auto seen = static_cast<double>(samples);
  const auto warmup = static_cast<double>(config.warmup_samples);
  if (seen < warmup) return config.peak * seen / warmup;
  const double rest = std::max(1.0, static_cast<double>(total_samples) - warmup);
  const double passed = std::clamp((seen - warmup) / rest, 0.0, 1.0);
  double height = 1;
  if (config.decay == "cosine") height = 0.5 * (1 + std::cos(std::numbers::pi * passed));
  if (config.decay == "linear") height = 1 - passed;
  return config.peak * (config.floor_fraction + (1 - config.floor_fraction) * height);
}

}  // namespace sumi
