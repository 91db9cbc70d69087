#pragma once

#include <string>

#include "core/config.h"

namespace sumi {

/// Which rule moves the weights, and its numbers.
struct OptimiserConfig {
  std::string kind = "adamw";
  double beta1 = 0.9;
  double beta2 = 0.99;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
  double clip_norm = 1.0;
  std::string matrices = "adamw";
  double momentum = 0.95;
  double update_clip = 1.0;
  double prodigy_start = 1e-6;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("kind", self.kind, "adamw, adamw8bit, adafactor or prodigy (with learning_rate.peak 1)");
    visit("beta1", self.beta1, "memory of the gradient's mean, 0 to 1");
    visit("beta2", self.beta2, "memory of the gradient's square, 0 to 1");
    visit("epsilon", self.epsilon, "added to the root of the square");
    visit("weight_decay", self.weight_decay, "pull of matrices and kernels towards zero");
    visit("clip_norm", self.clip_norm, "longest gradient over all parameters; 0 never clips");
    visit("matrices", self.matrices,
          "what moves the hidden layers' matrices: adamw (as `kind` says) or muon");
    visit("momentum", self.momentum, "Muon's memory of the gradient, 0 to 1");
    visit("update_clip", self.update_clip,
          "adafactor: largest root mean square of a tensor's update before the learning rate");
    visit("prodigy_start", self.prodigy_start, "prodigy: first guess of the distance to go");
  }
};

/// Throws Error naming the field that is out of range.
void check(const OptimiserConfig& config);

}  // namespace sumi
