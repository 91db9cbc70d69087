#pragma once

#include <vector>

#include "nn/kernels/aligned_memory.h"
#include "nn/kernels/picture_input.h"

namespace sumi {

/// WinogradConvolution with tiles of 4 x 4 pixels in products of 16-bit integers: each tile's
/// values have a scale at each frequency, weights one for each output. Pictures lose 60 dB or less
/// of what float32 makes of them, at twice its rate of products and half its memory.
class WordConvolution {
 public:
  /// weight: [out, in, 3, 3]; bias: [out] or null. Only where serves().
  WordConvolution(std::int64_t in, std::int64_t out, const float* weight, const float* bias);

  /// Whether this processor and Winograd's way serve that convolution.
  static bool serves(const ConvolutionShape& shape);
  /// Memory its weights would take.
  static std::size_t bytes_for(const ConvolutionShape& shape);

  void run(const PictureInput& x, float* out, const float* residual) const;
  std::size_t bytes() const { return weights_.bytes(); }

  /// The same with weights that are transformed for this call and not kept.
  static void run_once(std::int64_t in, std::int64_t out, const float* weight, const float* bias,
                       const PictureInput& x, float* result, const float* residual);

 private:
  std::int64_t in_, out_;
  AlignedFloats weights_;
  std::vector<float> gains_, bias_;
};

}  // namespace sumi
