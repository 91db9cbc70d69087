#pragma once

#include <variant>

#include "training/adafactor.h"
#include "training/adamw.h"
#include "training/adamw8bit.h"
#include "training/muon.h"
#include "training/parameter_buffer.h"
#include "training/prodigy.h"
#include "training/reductions.h"
#include "training/state_memory.h"

namespace sumi {

/// The rule that a recipe chose, with Muon before it where hidden matrices are Muon's.
class Optimiser {
 public:
  Optimiser(ParameterBuffer& parameters, const OptimiserConfig& config,
            const StateMemory& memory = {});
  /// Over tensors of a part of a buffer. `total` joins what this part's tensors sum up to with
  /// those of the others. `memory`: where the moments lie.
  Optimiser(Tensor weights, Tensor gradients, const std::vector<ParameterSlice>& slices,
            const OptimiserConfig& config, TensorTotal total = sum_in_order,
            const StateMemory& memory = {});

  /// One update of the buffer's weights from its gradients times `gradient_scale`. The gradients
  /// are used up.
  void step(double rate, double gradient_scale);

  /// Everything the next step depends on; the tensors share memory with the rule's own.
  StateDict tensors() const;
  Json numbers() const;
  /// Takes over what tensors() and numbers() of an equal rule gave. Throws Error when a tensor is
  /// missing or of another size.
  void restore(const StateDict& tensors, const Json& numbers);
  /// Memory of the moments, in bytes.
  std::int64_t bytes() const;

 private:
  Tensor weights_, gradients_;
  bool with_muon_;
  Muon muon_;
  std::variant<AdamW, AdamW8bit, Adafactor, Prodigy> rule_;
};

/// Exponential moving average of the weights. The decay warms up, min(decay, (1+t)/(10+t)), so that
/// the random start is forgotten early.
double ema_decay_at(double decay, std::int64_t step);

/// average = d * average + (1-d) * weights, in one pass over both, which are flat.
void update_average(Tensor& average, const Tensor& weights, double decay);

}  // namespace sumi
