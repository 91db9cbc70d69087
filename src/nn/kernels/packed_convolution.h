#pragma once

#include <cstdint>
#include <memory>

#include "nn/kernels/convolution_shape.h"

namespace sumi {

/// A convolution of channels-last float32 pictures with the weights laid out for this processor
/// once. Not for use by two threads at a time; a call itself uses all OpenMP threads.
class PackedConvolution {
 public:
  /// How much memory a layer may give for speed. 3 x 3 convolutions with stride 1 and padding 1 go
  /// Winograd's way where its weights fit: two to three times faster, relative error below 2e-5.
  struct Options {
    /// Bytes of weights for tiles of 4 x 4 pixels (4 times the plain weights). 0: never. Here and
    /// below the layers of a network that see many pixels, whose weights are few.
    std::size_t large_tiles = std::size_t{16} << 20;
    /// Bytes of weights for tiles of 2 x 2 pixels (1.8 times the plain weights). 0: never.
    std::size_t small_tiles = std::size_t{48} << 20;
  };

  /// weight: [out, in, kernel, kernel]; bias: [out] or null. Both are copied.
  PackedConvolution(const ConvolutionShape& shape, const float* weight, const float* bias)
      : PackedConvolution(shape, weight, bias, Options{}) {}
  PackedConvolution(const ConvolutionShape& shape, const float* weight, const float* bias,
                    const Options& options);
  PackedConvolution(PackedConvolution&&) noexcept;
  PackedConvolution& operator=(PackedConvolution&&) noexcept;
  ~PackedConvolution();

  /// x: pictures of `size` with the channels in last -> out: pictures of shape.output(size), plus
  /// `residual` of that shape where given, which may be `out` itself. False, with nothing written,
  /// where this processor has no such convolution: compute it in another way.
  [[nodiscard]] bool run(const float* x, const ImageSize& size, float* out,
                         const float* residual = nullptr);

  const ConvolutionShape& shape() const;
  /// Memory the weights take.
  std::size_t bytes() const;
  /// "winograd 4", "winograd 2", "pointwise" or "direct".
  const char* method() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sumi
