#include "training/optimiser_config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"

namespace sumi {

void check(const OptimiserConfig& config) {
  const auto need = [](bool sense, const char* field, double value, const char* hint) {
    if (!sense) throw Error(fmt::format("optimiser.{}: {} makes no sense", field, value), hint);
  };
  constexpr std::array kKinds = {"adamw", "adamw8bit", "adafactor", "prodigy"};
  if (std::find(kKinds.begin(), kKinds.end(), config.kind) == kKinds.end())
    throw Error(fmt::format("optimiser.kind: unknown \"{}\"", config.kind),
                fmt::format("use one of {}", fmt::join(kKinds, ", ")));
  need(config.beta1 >= 0 && config.beta1 < 1, "beta1", config.beta1, "use 0.9");
  need(config.beta2 >= 0 && config.beta2 < 1, "beta2", config.beta2, "use 0.99");
  need(config.epsilon > 0 && config.epsilon < 1, "epsilon", config.epsilon, "use 1e-8");
  need(config.weight_decay >= 0 && config.weight_decay < 10, "weight_decay", config.weight_decay,
       "use 0.01");
  if (config.matrices != "adamw" && config.matrices != "muon")
    throw Error(fmt::format("optimiser.matrices: unknown way \"{}\"", config.matrices),
                "use adamw or muon");
  need(config.momentum >= 0 && config.momentum < 1, "momentum", config.momentum,
       "use a number from 0 to below 1, e.g. 0.95");
  need(config.clip_norm >= 0 && std::isfinite(config.clip_norm), "clip_norm", config.clip_norm,
       "use 1, or 0 to never clip");
  need(config.update_clip > 0 && std::isfinite(config.update_clip), "update_clip",
       config.update_clip, "use 1");
  need(config.prodigy_start > 0 && config.prodigy_start < 1, "prodigy_start", config.prodigy_start,
       "use 1e-6");
}

}  // namespace sumi
