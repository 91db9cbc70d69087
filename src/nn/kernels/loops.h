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

/// The points of Winograd's transforms of 4 x 4 tiles are 0, these, their negatives and infinity.
/// These two give the smallest rounding errors of the pairs tried.
constexpr double kWinogradPoints[2] = {0.625, 1.5};

/// Where a tile's first pixel lies in a picture of that size; it may lie outside.
struct TilePlace {
  std::int64_t height, width;
  std::int64_t y, x;
};

/// Winograd's convolution around its products. `stride` lies between the values of one frequency
/// and the next.
struct WinogradLoops {
  /// Kernels [outputs, in, 3, 3] -> their inputs `first` to `last - 1` of a panel
  /// [frequencies, in, width], zero beyond the outputs.
  void (*weights)(const float* kernels, std::int64_t in, std::int64_t first, std::int64_t last,
                  std::int64_t outputs, std::int64_t width, float* panel, std::int64_t stride);
  /// A tile's pixels, whose rows and columns are so far apart -> one value per frequency and
  /// channel.
  void (*input)(const float* pixels, std::int64_t row_stride, std::int64_t pixel_stride,
                std::int64_t channels, float* out, std::int64_t stride);
  /// Sums of products -> pixels from `at` on, with the bias, on top of those of `residual` unless
  /// it is null. Pixels of both pictures are `pixel_stride` apart.
  void (*output)(const float* products, std::int64_t stride, const TilePlace& at,
                 std::int64_t pixel_stride, std::int64_t channels, const float* bias,
                 const float* residual, float* image);
};

/// Inner loops of the kernels for one instruction set; all run on one thread. Rows are contiguous
/// channels, one row follows the other, except where a stride is given.
struct Loops {
  /// Overwrites the sums and widens the range; at most a few dozen rows, since sums are floats.
  void (*channel_sums)(const float* x, std::int64_t rows, std::int64_t channels, const float* pivot,
                       const ChannelSums& sums);
  /// out = x * scale + shift per channel, then SiLU if asked. Strides count elements.
  void (*scale_rows)(const float* x, std::int64_t x_stride, std::int64_t rows,
                     std::int64_t channels, const float* scale, const float* shift, bool silu,
                     float* out, std::int64_t out_stride);
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
  /// c [rows, width] = a [rows, inner] b [inner, width], where width is a multiple of 16.
  void (*product)(const float* a, std::int64_t a_stride, std::int64_t rows, std::int64_t inner,
                  const float* b, std::int64_t width, float* c);
  WinogradLoops winograd_2;  ///< tiles of 2 x 2 pixels, 16 frequencies
  WinogradLoops winograd_4;  ///< tiles of 4 x 4 pixels, 36 frequencies
};

/// The version for this processor.
const Loops& loops();

/// The single versions; nullptr where the processor cannot run one. For tests.
const Loops* portable_loops();
const Loops* avx2_loops();
const Loops* avx512_loops();

}  // namespace sumi
