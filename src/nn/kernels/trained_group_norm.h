#pragma once

#include <cstdint>

#include "nn/kernels/training_loops.h"

namespace sumi {

/// GroupNorm (Wu & He 2018) over channels-last float32 pictures, of x + shift, with SiLU behind it
/// if asked, and its way back. Samples are shared out among threads and sums joined in their order,
/// so that the bits do not depend on how many there are.
struct TrainedGroupNorm {
  const float* x = nullptr;  ///< [batch, pixels, channels]
  std::int64_t batch = 1, pixels = 1, channels = 1;
  const float* shift = nullptr;   ///< [batch, channels], or null
  const float* weight = nullptr;  ///< [channels], as bias
  const float* bias = nullptr;
  std::int64_t groups = 1;  ///< divides the channels
  double epsilon = 1e-5;
  bool silu = false;

  /// The statistics: normed = x * scale + offset, [batch, channels] each.
  void measure(float* scale, float* offset) const;
  /// [batch, pixels, channels], in either type.
  void forward(const float* scale, const float* offset, float* out) const;
  void forward(const float* scale, const float* offset, Bf16* out) const;

  struct Gradients {
    float* weight;  ///< [channels]
    float* bias;    ///< [channels]
    float* shift;   ///< [batch, channels], or null
  };
  /// `slope` [batch, pixels, channels], the result's gradient, becomes that of x.
  void backward(const float* scale, const float* offset, float* slope, const Gradients& to) const;
};

}  // namespace sumi
