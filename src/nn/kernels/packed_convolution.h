#pragma once

#include <cstdint>
#include <memory>

#include "nn/kernels/picture_input.h"

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
    /// 4 x 4 tiles in products of 16-bit integers where the processor has them (WordConvolution),
    /// whose weights then count half as much against large_tiles.
    bool words = false;
  };

  /// weight: [out, in, kernel, kernel]; bias: [out] or null. Both are copied.
  PackedConvolution(const ConvolutionShape& shape, const float* weight, const float* bias)
      : PackedConvolution(shape, weight, bias, Options{}) {}
  PackedConvolution(const ConvolutionShape& shape, const float* weight, const float* bias,
                    const Options& options);
  PackedConvolution(PackedConvolution&&) noexcept;
  PackedConvolution& operator=(PackedConvolution&&) noexcept;
  ~PackedConvolution();

  /// x: pictures with the channels last -> out: pictures of shape.output(x.size), plus `residual`
  /// of that shape where given, which may be `out` itself. False, with nothing written, where this
  /// processor has no such convolution: compute it in another way. Winograd's way reads x as it is;
  /// the others write it down first unless it is plain.
  [[nodiscard]] bool run(const PictureInput& x, float* out, const float* residual = nullptr);
  [[nodiscard]] bool run(const float* x, const ImageSize& size, float* out,
                         const float* residual = nullptr) {
    return run(PictureInput{.sources = {{{x, shape().in}, {}}}, .size = size}, out, residual);
  }

  /// A 1 x 1 convolution with out <= in over x: [pixels, in], whose memory takes the result
  /// [pixels, out] from its start on. False, with nothing written, for any other.
  [[nodiscard]] bool run_in_place(float* x, std::int64_t pixels);

  /// Memory that the weights of such a layer would take, without making it.
  static std::size_t bytes_for(const ConvolutionShape& shape, const Options& options);

  const ConvolutionShape& shape() const;
  /// Memory the weights take.
  std::size_t bytes() const;
  /// "winograd 4 in words", "winograd 4", "winograd 2", "pointwise" or "direct".
  const char* method() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Whether pictures of that size are so large that laying the weights out anew at every call costs
/// next to nothing, or so much less than not doing so that it pays: then nothing needs to be kept.
bool convolves_once(const ConvolutionShape& shape, const ImageSize& size);

/// PackedConvolution for one call, where convolves_once(shape, x.size). weight: [out, in, 3, 3];
/// bias: [out] or null; words: as in PackedConvolution::Options.
void convolve_once(const ConvolutionShape& shape, const float* weight, const float* bias,
                   const PictureInput& x, float* out, const float* residual = nullptr,
                   bool words = false);

}  // namespace sumi
