#pragma once

#include "core/tensor.h"
#include "nn/kernels/quantisation.h"

namespace sumi {

/// What flows into a Linear or Conv2d: numbers, bytes that stand for them, or both. A norm in front
/// of layers that multiply bytes writes bytes at once (nn/fused.h). Each sample has its own scale,
/// so that a picture does not depend on the others of its batch.
struct Activations {
  /// [..., channels], or [N, channels, H, W] with the channels last in memory; undefined where only
  /// the bytes were made.
  Tensor values;
  /// [N, tokens, channels], or [N, top + H + bottom, left + W + right, channels].
  Tensor bytes;
  std::vector<Quantisation> scales;  ///< one for each sample
  Border border;                     ///< of the pictures in `bytes`

  Activations(Tensor numbers) : values(std::move(numbers)) {}  // NOLINT: every tensor is one
  Activations(Tensor coded, std::vector<Quantisation> of_samples, Border around = {})
      : bytes(std::move(coded)), scales(std::move(of_samples)), border(around) {}
};

}  // namespace sumi
