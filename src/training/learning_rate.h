#pragma once

#include <cstdint>
#include <string>

#include "core/config.h"

namespace sumi {

/// The learning rate over a run: a straight climb, then a decay to a floor.
struct LearningRateConfig {
  double peak = 2e-4;
  std::int64_t warmup_samples = 2000;
  std::string decay = "cosine";
  double floor_fraction = 0.05;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("peak", self.peak, "highest learning rate, e.g. 0.0002");
    visit("warmup_samples", self.warmup_samples, "samples over which the rate climbs from 0");
    visit("decay", self.decay, "how it falls after the climb: cosine, linear or constant");
    visit("floor_fraction", self.floor_fraction, "rate at the end as a fraction of the peak");
  }
};

/// Throws Error naming the field when a number or the decay's name makes no sense.
void check(const LearningRateConfig& config);

/// The rate for the step that ends at `samples` (1 to `total_samples`) seen samples.
double learning_rate(const LearningRateConfig& config, std::int64_t samples,
                     std::int64_t total_samples);

}  // namespace sumi
