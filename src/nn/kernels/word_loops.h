#pragma once

#include <cstdint>

#include "nn/kernels/loops.h"

namespace sumi {

/// The Euclidean length that rows of 16-bit integers are scaled to. No integer is then beyond 16
/// bits, and the sum of products of two rows stays below 2^31 whatever they hold (Cauchy-Schwarz;
/// rounding adds less than 1 % to rows of up to 400,000).
constexpr float kWordLength = 32767;

/// Products of 16-bit integers, twice as many an instruction as of floats, by AVX-512 VNNI. Rows of
/// 512 normal numbers keep 74 dB.
struct WordLoops {
  /// Kernels [outputs, in, 3, 3] -> Winograd's weights for tiles of 4 x 4 pixels, a panel
  /// [frequencies, (in + 1) / 2, width, 2], zero beyond inputs and outputs, frequencies `stride`
  /// apart, and how much of each output one of its sums counts, [outputs]. `floats`: memory for
  /// [frequencies, in, width].
  void (*weights)(const float* kernels, std::int64_t in, std::int64_t outputs, std::int64_t width,
                  float* floats, std::int16_t* panel, std::int64_t stride, float* gains);
  /// Rows of `width` floats, `x_stride` apart -> rows of integers of length kWordLength,
  /// `out_stride` apart; a row of an odd width ends with a zero more. A row of floats is
  /// `scales[row]` times its integers: 0 for a row of zeros, not a number where the row holds one
  /// that is none or infinite.
  void (*to_words)(const float* x, std::int64_t x_stride, std::int64_t rows, std::int64_t width,
                   std::int16_t* out, std::int64_t out_stride, float* scales);
  /// c [rows, width] = a [rows, pairs, 2] b [pairs, width, 2], summed over pairs and both of each;
  /// width is a multiple of 16.
  void (*product)(const std::int16_t* a, std::int64_t a_stride, std::int64_t rows,
                  std::int64_t pairs, const std::int16_t* b, std::int64_t width, std::int32_t* c);
  /// WinogradLoops::output of such tiles: `scales` of the tile's words at each frequency, `gains`
  /// of the weights.
  void (*output)(const std::int32_t* products, std::int64_t stride, const float* scales,
                 const TilePlace& at, std::int64_t pixel_stride, std::int64_t channels,
                 const float* gains, const float* bias, const float* residual, float* image);
};

/// nullptr where the processor has no AVX-512 VNNI.
const WordLoops* word_loops();

}  // namespace sumi
