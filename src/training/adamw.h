#pragma once

#include <cstdint>
#include <vector>

#include "core/json.h"
#include "core/tensor.h"
#include "training/optimiser_config.h"
#include "training/parameter_buffer.h"
#include "training/state_memory.h"

namespace sumi {

/// AdamW (Loshchilov & Hutter 2019, algorithm 2) over one flat buffer, in a single pass:
///   m = b1 m + (1-b1) g,  v = b2 v + (1-b2) g²,
///   w = w (1 - lr decay) - lr (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps).
class AdamW {
 public:
  AdamW(const Tensor& weights, std::vector<ParameterSpan> spans, const OptimiserConfig& config,
        const StateMemory& memory = {});

  /// One update of `weights` [size] from `gradients` [size] times `gradient_scale`.
  void step(Tensor& weights, const Tensor& gradients, double rate, double gradient_scale = 1);

  /// What the next step depends on: mean and square, [size] each, and the number of steps.
  StateDict tensors() const { return {{"mean", mean_}, {"square", square_}}; }
  Json numbers() const { return {{"steps", steps_}}; }
  void set_numbers(const Json& numbers) { steps_ = numbers.at("steps").get<std::int64_t>(); }

 private:
  void step_piece(Tensor& weights, const Tensor& gradients, double rate, double gradient_scale,
                  const Range& piece);
  void step_plain(Tensor& weights, const Tensor& gradients, double rate, double gradient_scale);

  OptimiserConfig config_;
  std::vector<ParameterSpan> spans_;
  std::int64_t steps_ = 0;
  Tensor mean_, square_;
};

}  // namespace sumi
