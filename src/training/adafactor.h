#pragma once

#include <cstdint>
#include <vector>

#include "core/json.h"
#include "core/tensor.h"
#include "training/optimiser_config.h"
#include "training/parameter_buffer.h"

namespace sumi {

/// Adafactor (Shazeer & Stern 2018, algorithms 4 and 5) without momentum: of a matrix's squared
/// gradients only the means of rows and columns are kept, V = R Cᵀ / mean(R); their memory grows as
/// 1 - t^-0.8; a tensor's update is scaled down to a root mean square of `update_clip`. The step is
/// the learning rate itself, so that AdamW's rates fit, and weight decay is AdamW's. What it keeps
/// is small and stays in memory.
class Adafactor {
 public:
  Adafactor(const Tensor& weights, std::vector<ParameterSlice> slices,
            const OptimiserConfig& config);

  /// One update of `weights` [size] from `gradients` [size] times `gradient_scale`.
  void step(Tensor& weights, const Tensor& gradients, double rate, double gradient_scale = 1);

  /// Means of rows and columns of all matrices and squares of all vectors, one after the other.
  StateDict tensors() const { return {{"squares", squares_}}; }
  Json numbers() const { return {{"steps", steps_}}; }
  void set_numbers(const Json& numbers) { steps_ = numbers.at("steps").get<std::int64_t>(); }

 private:
  Tensor direction(const ParameterSlice& slice, const Tensor& slope, std::int64_t place,
                   double memory);

  OptimiserConfig config_;
  std::vector<ParameterSlice> slices_;
  std::int64_t steps_ = 0;
  Tensor squares_;
};

}  // namespace sumi
