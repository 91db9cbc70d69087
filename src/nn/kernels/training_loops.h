#pragma once

#include <cstdint>

namespace sumi {

/// A bfloat16: the upper half of a float32.
using Bf16 = std::uint16_t;

/// What a norm over groups of channels does with a sample's numbers, per channel:
/// normed = x * scale + shift, result = normed * weight + bias, then SiLU if asked. [channels]
/// each.
struct NormChannels {
  const float* scale;
  const float* shift;
  const float* weight;
  const float* bias;
  bool silu;
};

/// Inner loops of the way back for one instruction set; all run on one thread. Rows are contiguous,
/// one follows the other. What is named a sum is added to; what is made is float32 unless said.
struct TrainingLoops {
  /// Rounds to the nearest.
  void (*to_bf16)(const float* x, std::int64_t count, Bf16* out);
  /// The same, unless `out` is null, and the sum of each column.
  void (*column_sums)(const float* x, std::int64_t rows, std::int64_t width, Bf16* out, float* sum);
  /// Sums of x - pivot and of its square; at most a few dozen rows, since sums are floats.
  void (*channel_sums)(const float* x, std::int64_t rows, std::int64_t channels, const float* pivot,
                       float* sum, float* square);
  void (*norm_rows)(const float* x, std::int64_t rows, std::int64_t channels,
                    const NormChannels& norm, float* out);
  void (*norm_rows_to_bf16)(const float* x, std::int64_t rows, std::int64_t channels,
                            const NormChannels& norm, Bf16* out);
  /// `slope`, the result's gradient, becomes that before SiLU; sums of it and of it times normed.
  void (*norm_slopes)(const float* x, std::int64_t rows, std::int64_t channels,
                      const NormChannels& norm, float* slope, float* sum, float* product);
  /// slope = slope * by_slope + x * by_x + constant, each per channel.
  void (*norm_gradient)(const float* x, std::int64_t rows, std::int64_t channels,
                        const float* by_slope, const float* by_x, const float* constant,
                        float* slope);
  /// Of a LayerNorm: `out` is the gradient to x, `gradient` that of the result.
  void (*layer_norm_gradient)(const float* x, const float* gradient, std::int64_t rows,
                              std::int64_t width, const float* weight, float epsilon, float* out,
                              float* weight_sum, float* bias_sum);
  /// GEGLU, [rows, 2 * width] -> [rows, width].
  void (*geglu_to_bf16)(const float* x, std::int64_t rows, std::int64_t width, Bf16* out);
  /// `gradient` [rows, width] of its result -> `out` [rows, 2 * width].
  void (*geglu_gradient)(const float* x, const float* gradient, std::int64_t rows,
                         std::int64_t width, float* out);
  /// Columns of scores [rows, width] become weights that sum up to one.
  void (*softmax_columns)(float* x, std::int64_t rows, std::int64_t width);
  /// Columns of gradients to weights become those to scores.
  void (*softmax_gradient)(const float* weights, float* gradient, std::int64_t rows,
                           std::int64_t width);
};

/// The version for this processor.
const TrainingLoops& training_loops();

/// The single versions; nullptr where the processor cannot run one. For tests.
const TrainingLoops* portable_training_loops();
const TrainingLoops* avx2_training_loops();
const TrainingLoops* avx512_training_loops();

}  // namespace sumi
