#pragma once

#include <cstdint>

#include "nn/kernels/convolution_shape.h"
#include "nn/kernels/training_loops.h"

namespace sumi {

/// What the factors of a training's products are; their sums are float32 either way.
enum class Factors { fp32, bf16 };

/// A convolution of channels-last pictures of one size and its two gradients, for training: the
/// weights change from call to call, so nothing is laid out beforehand. Pictures are `factors`
/// where they are multiplied and float32 where they are made; weights are float32
/// [out, in, kernel, kernel] and rounded here. In float32 a kernel of 3 x 3 over enough pixels goes
/// Winograd's way, but for the gradient to the weight: twice as fast, relative error below 2e-5.
struct TrainedConvolution {
  ConvolutionShape shape;
  ImageSize size;
  Factors factors = Factors::fp32;

  /// Whether this processor has all three.
  bool runs() const;
  /// x * weight + bias, plus what `out` holds if it `adds`. bias: float32 [out] or null.
  void forward(const void* x, const float* weight, const float* bias, bool adds, float* out) const;
  /// The gradient to x.
  void to_input(const void* gradient, const float* weight, float* out) const;
  /// The gradient to the weight.
  void to_weight(const void* x, const void* gradient, float* out) const;
  /// Whether the first two go Winograd's way.
  bool by_winograd() const;
};

/// A matrix as a factor of a product, `factors` [rows, columns]; `turned`: as its transpose.
struct Factor {
  const void* data;
  bool turned = false;
};

/// out [rows, columns] = a [rows, inner] b [inner, columns] (after turning), plus bias [columns]
/// where not null, plus what `out` holds if it `adds`. Only where multiplies(factors).
struct TrainedProduct {
  std::int64_t rows, inner, columns;
  Factors factors = Factors::fp32;

  void run(const Factor& a, const Factor& b, const float* bias, bool adds, float* out) const;
};

/// Whether this processor has products of such factors.
bool multiplies(Factors factors);

}  // namespace sumi
