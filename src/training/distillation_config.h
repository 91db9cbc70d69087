#pragma once

#include <string>

#include "core/config.h"

namespace sumi {

/// How a teacher's many guided steps become few.
struct DistillationConfig {
  std::string method = "consistency";
  double guidance_low = 1;
  double guidance_high = 8;
  int solver_steps = 50;
  double huber = 0.001;
  double target_decay = 0.95;
  double guidance_scale = 3;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("method", self.method,
          "consistency: 1 to 4 steps (latent consistency); guidance: the teacher's steps, one call "
          "each instead of two");
    visit("guidance_low", self.guidance_low, "lowest guidance scale that is taught, 1 or more");
    visit("guidance_high", self.guidance_high, "highest one, at most 100");
    visit("solver_steps", self.solver_steps,
          "consistency: steps into which the process is cut, of which the student learns to skip "
          "all, 2 to 1000");
    visit("huber", self.huber,
          "consistency: error from which on the loss grows as its magnitude instead of its square, "
          "1e-6 to 10");
    visit("target_decay", self.target_decay,
          "consistency: memory per update of the averaged student that is the target, 0 to 0.9999");
    visit("guidance_scale", self.guidance_scale, "what the written model is sampled with");
  }
};

/// Throws Error naming the field when a value makes no sense.
void check(const DistillationConfig& config);

}  // namespace sumi
