#pragma once

#include <cstdint>
#include <vector>

#include "core/json.h"
#include "core/tensor.h"
#include "training/optimiser_config.h"
#include "training/parameter_buffer.h"
#include "training/reductions.h"
#include "training/state_memory.h"

namespace sumi {

/// Prodigy (Mishchenko & Defazio 2023, algorithm 4, the form for Adam): the step size is the
/// growing estimate d of how far the start is from the goal; the learning rate, 1, only shapes the
/// run.
///   m = b1 m + (1-b1) d g,  v = b2 v + (1-b2) d² g²,  b3 = sqrt(b2),
///   r = b3 r + (1-b3) lr d² <g, w0 - w>,  s = b3 s + (1-b3) lr d² g,
///   w = w (1 - lr d decay) - lr d m / (sqrt(v) + d eps),  d = max(d, r / |s|₁).
class Prodigy {
 public:
  /// `spans`: one for each tensor.
  Prodigy(const Tensor& weights, std::vector<ParameterSpan> spans, const OptimiserConfig& config,
          TensorTotal total = sum_in_order, const StateMemory& memory = {});

  /// One update of `weights` [size] from `gradients` [size] times `gradient_scale`.
  void step(Tensor& weights, const Tensor& gradients, double rate, double gradient_scale = 1);

  /// d, in the weights' own unit.
  double distance() const { return distance_; }

  /// m, v, s and w0, [size] each; d and r.
  StateDict tensors() const {
    return {{"mean", mean_}, {"square", square_}, {"sums", sums_}, {"start", start_}};
  }
  Json numbers() const { return {{"distance", distance_}, {"progress", progress_}}; }
  void set_numbers(const Json& numbers) {
    distance_ = numbers.at("distance").get<double>();
    progress_ = numbers.at("progress").get<double>();
  }

 private:
  struct Sums {
    double inner = 0;  ///< <g, w0 - w>
    double size = 0;   ///< |s|₁
  };
  Sums step_span(const ParameterSpan& span, Tensor& weights, const Tensor& gradients, double rate,
                 double gradient_scale);

  OptimiserConfig config_;
  std::vector<ParameterSpan> spans_;
  TensorTotal total_;
  double distance_;
  double progress_ = 0;
  Tensor mean_, square_, sums_, start_;
};

}  // namespace sumi
