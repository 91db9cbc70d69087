#pragma once

#include "core/config.h"
#include "core/tensor.h"

namespace sumi {

struct AdamWConfig {
  double beta1 = 0.9;
  double beta2 = 0.99;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
  double clip_norm = 1.0;
  std::string matrices = "adamw";
  double momentum = 0.95;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("beta1", self.beta1, "memory of the gradient's mean, 0 to 1");
    visit("beta2", self.beta2, "memory of the gradient's square, 0 to 1");
    visit("epsilon", self.epsilon, "added to the root of the square");
    visit("weight_decay", self.weight_decay, "pull of matrices and kernels towards zero");
    visit("clip_norm", self.clip_norm, "longest gradient over all parameters; 0 never clips");
    visit("matrices", self.matrices, "what moves the hidden layers' matrices: adamw or muon");
    visit("momentum", self.momentum, "Muon's memory of the gradient, 0 to 1");
  }
};

/// Throws Error naming the field that is out of range.
void check(const AdamWConfig& config);

/// AdamW (Loshchilov & Hutter 2019, algorithm 2) over one flat buffer, in a single pass:
///   m = b1 m + (1-b1) g,  v = b2 v + (1-b2) g²,
///   w = w (1 - lr decay) - lr (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps).
/// Only the first `decayed` elements decay.
class AdamW {
 public:
  AdamW(const Tensor& weights, std::int64_t decayed, const AdamWConfig& config);

  /// One update of `weights` [size] from `gradients` [size] times `gradient_scale`.
  void step(Tensor& weights, const Tensor& gradients, double rate, double gradient_scale = 1);

  Tensor& mean() { return mean_; }      ///< m, [size]
  Tensor& square() { return square_; }  ///< v, [size]
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }

 private:
  void step_plain(Tensor& weights, const Tensor& gradients, double rate, double gradient_scale);

  AdamWConfig config_;
  std::int64_t decayed_;
  std::int64_t steps_ = 0;
  Tensor mean_, square_;
};

/// Euclidean length of a flat fp32 buffer, in double and in an order that does not depend on the
/// number of threads. Not finite when an element is not.
double norm_of(const Tensor& flat);

/// Exponential moving average of the weights. The decay warms up, min(decay, (1+t)/(10+t)), so that
/// the random start is forgotten early.
double ema_decay_at(double decay, std::int64_t step);

/// average = d * average + (1-d) * weights, in one pass.
void update_average(Tensor& average, const Tensor& weights, double decay);

}  // namespace sumi
