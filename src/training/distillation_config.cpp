#include "training/distillation_config.h"

#include "core/error.h"

namespace sumi {
namespace {

void need_within(const char* field, double value, double least, double most) {
  if (!(value >= least && value <= most))
    throw Error(fmt::format("distillation.{}: {} is not in {} to {}", field, value, least, most),
                fmt::format("use a number from {} to {}", least, most));
}

}  // namespace

void check(const DistillationConfig& config) {
  if (config.method != "consistency" && config.method != "guidance")
    throw Error(fmt::format("distillation.method: unknown \"{}\"", config.method),
                "use consistency or guidance");
  need_within("guidance_low", config.guidance_low, 1, 100);
  need_within("guidance_high", config.guidance_high, config.guidance_low, 100);
  need_within("guidance_scale", config.guidance_scale, config.guidance_low, config.guidance_high);
  need_within("solver_steps", config.solver_steps, 2, 1000);
  need_within("huber", config.huber, 1e-6, 10);
  need_within("target_decay", config.target_decay, 0, 0.9999);
}

}  // namespace sumi
