#pragma once

#include "nn/kernels/convolution_shape.h"
#include "nn/kernels/onednn.h"

namespace sumi {

/// A 3 x 3 convolution with stride 1 and padding 1 by Winograd's minimal filtering (Lavin & Gray
/// 2016): 4 (tile 4) or 2.25 (tile 2) times fewer products, for 4 or 1.8 times larger weights.
class WinogradConvolution {
 public:
  /// weight: [out, in, 3, 3]; bias: [out] or null; tile: 2 or 4.
  WinogradConvolution(std::int64_t in, std::int64_t out, const float* weight, const float* bias,
                      int tile);

  /// Whether Winograd's way serves that convolution at all.
  static bool serves(const ConvolutionShape& shape);
  /// Memory its weights would take.
  static std::size_t bytes_for(const ConvolutionShape& shape, int tile);

  [[nodiscard]] bool run(const float* x, const ImageSize& size, float* out, const float* residual);
  std::size_t bytes() const { return weights_.bytes(); }
  int tile() const { return tile_; }

 private:
  struct Key {
    std::int64_t tiles;
    int threads;
    bool operator==(const Key&) const = default;
  };
  struct Prepared {
    dnnl::matmul::primitive_desc desc;
    dnnl::matmul product;
  };

  std::int64_t frequencies() const { return (tile_ + 2) * (tile_ + 2); }
  Prepared prepare(const Key& key) const;
  std::int64_t tiles_at_once(std::int64_t tiles) const;
  void run_tiles(const float* x, const ImageSize& size, std::int64_t first, std::int64_t last,
                 bool adds, const Prepared& prepared, std::int64_t at_once, float* out);

  std::int64_t in_, out_;
  int tile_;
  PackedWeights weights_;
  std::vector<float> bias_, zeros_;
  PreparedCache<Key, Prepared> cache_;
};

}  // namespace sumi
