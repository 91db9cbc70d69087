#pragma once

#include <cstdint>
#include <memory>

#include "nn/kernels/byte_weights.h"
#include "nn/kernels/convolution_shape.h"
#include "nn/kernels/quantisation.h"

namespace sumi {

/// Whether this processor multiplies bytes at full speed and without overflow (AVX-512 VNNI).
/// Elsewhere byte layers refuse to run.
bool multiplies_bytes();

/// y = x W^T + b where x comes as bytes (quantisation.h) and the weights are signed bytes with one
/// scale for each output, made once. Sums are exact; y is float32. Not for use by two threads at a
/// time; a call itself uses all OpenMP threads.
class ByteLinear {
 public:
  /// weight: [out, in]; bias: [out] or null. Both are read here only.
  ByteLinear(std::int64_t in, std::int64_t out, const float* weight, const float* bias);
  ByteLinear(std::int64_t in, std::int64_t out, ByteWeights weights, const float* bias);
  ByteLinear(ByteLinear&&) noexcept;
  ByteLinear& operator=(ByteLinear&&) noexcept;
  ~ByteLinear();

  /// x: [rows, in] -> out: [rows, out], plus `residual` [rows, out] where given, which may be `out`
  /// itself. False, with nothing written, where this processor has no such product.
  [[nodiscard]] bool run(const std::uint8_t* x, Quantisation quantisation, std::int64_t rows,
                         float* out, const float* residual = nullptr);

  /// Power of the weights over that of their rounding, in dB.
  double weight_snr_db() const;
  /// Memory the weights take.
  std::size_t bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The same for convolutions of channels-last pictures.
class ByteConvolution {
 public:
  /// weight: [out, in, kernel, kernel]; bias: [out] or null.
  ByteConvolution(const ConvolutionShape& shape, const float* weight, const float* bias);
  ByteConvolution(const ConvolutionShape& shape, ByteWeights weights, const float* bias);
  ByteConvolution(ByteConvolution&&) noexcept;
  ByteConvolution& operator=(ByteConvolution&&) noexcept;
  ~ByteConvolution();

  /// x: pictures of shape().in channels whose border is shape().padding, as the quantising kernels
  /// write them -> out: float32, channels last.
  [[nodiscard]] bool run(const ByteImage& x, Quantisation quantisation, float* out,
                         const float* residual = nullptr);

  const ConvolutionShape& shape() const;
  double weight_snr_db() const;
  std::size_t bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sumi
