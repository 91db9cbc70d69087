#pragma once

#include <cstdint>

namespace sumi {

/// What quantising to bytes does to a number: round(x * inverse_scale + zero_point), within 0..255.
struct ByteScale {
  float inverse_scale;
  float zero_point;
};

/// Smallest and largest of what was seen.
struct Range {
  float low;
  float high;
};

/// Per channel: sums of x - pivot and of its square, and the range of x.
struct ChannelSums {
  float* sum;
  float* square;
  float* low;
  float* high;
};

/// Weight and bias of a LayerNorm, [width] each.
struct LayerScale {
  const float* weight;
  const float* bias;
  float epsilon;
};

/// Inner loops of the kernels for one instruction set; all run on one thread. Rows are contiguous
/// channels, one row follows the other, except where a stride is given.
struct Loops {
  /// Overwrites the sums and widens the range; at most a few dozen rows, since sums are floats.
  void (*channel_sums)(const float* x, std::int64_t rows, std::int64_t channels, const float* pivot,
                       const ChannelSums& sums);
  /// out = x * scale + shift per channel, then SiLU if asked. Strides count elements.
  void (*scale_rows)(const float* x, std::int64_t rows, std::int64_t channels, const float* scale,
                     const float* shift, bool silu, float* out, std::int64_t out_stride);
  void (*scale_rows_to_bytes)(const float* x, std::int64_t rows, std::int64_t channels,
                              const float* scale, const float* shift, bool silu, ByteScale bytes,
                              std::uint8_t* out, std::int64_t out_stride);
  void (*layer_norm)(const float* x, std::int64_t rows, std::int64_t width, LayerScale affine,
                     float* out);
  /// Range of the layer norm's output; `moments` takes mean and 1/deviation, [rows, 2].
  Range (*layer_norm_range)(const float* x, std::int64_t rows, std::int64_t width,
                            LayerScale affine, float* moments);
  void (*layer_norm_to_bytes)(const float* x, std::int64_t rows, std::int64_t width,
                              LayerScale affine, const float* moments, ByteScale bytes,
                              std::uint8_t* out);
  /// [rows, 2 * width] -> rows of a * gelu(b), `out_stride` apart; their range.
  Range (*geglu)(const float* x, std::int64_t rows, std::int64_t width, float* out,
                 std::int64_t out_stride);
  Range (*range)(const float* x, std::int64_t count);
  void (*to_bytes)(const float* x, std::int64_t count, ByteScale bytes, std::uint8_t* out);
};

/// The version for this processor.
const Loops& loops();

/// The single versions; nullptr where the processor cannot run one. For tests.
const Loops* portable_loops();
const Loops* avx2_loops();
const Loops* avx512_loops();

}  // namespace sumi
