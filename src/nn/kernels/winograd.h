#pragma once

#include <vector>

#include "nn/kernels/aligned_memory.h"
#include "nn/kernels/picture_input.h"

namespace sumi {

/// A 3 x 3 convolution with stride 1 and padding 1 by Winograd's minimal filtering (Lavin & Gray
/// 2016): 4 (tile 4) or 2.25 (tile 2) times fewer products, for 4 or 1.8 times larger weights. Each
/// thread takes a patch of the picture from its pixels to the result, so that what lies between
/// stays near the processor.
class WinogradConvolution {
 public:
  /// weight: [out, in, 3, 3]; bias: [out] or null; tile: 2 or 4.
  WinogradConvolution(std::int64_t in, std::int64_t out, const float* weight, const float* bias,
                      int tile);

  /// Whether Winograd's way serves that convolution at all.
  static bool serves(const ConvolutionShape& shape);
  /// Memory its weights would take.
  static std::size_t bytes_for(const ConvolutionShape& shape, int tile);
  /// Tiles of pictures of that size.
  static std::int64_t tiles_of(const ImageSize& size, int tile);

  void run(const PictureInput& x, float* out, const float* residual) const;
  std::size_t bytes() const { return weights_.bytes(); }
  int tile() const { return tile_; }

  /// The same with weights that are transformed for this call and not kept.
  static void run_once(std::int64_t in, std::int64_t out, const float* weight, const float* bias,
                       int tile, const PictureInput& x, float* result, const float* residual);

 private:
  std::int64_t in_, out_;
  int tile_;
  AlignedFloats weights_;
  std::vector<float> bias_;
};

}  // namespace sumi
