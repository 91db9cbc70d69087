#pragma once

#include "core/tensor.h"
#include "nn/kernels/convolution_shape.h"

namespace sumi {

/// Layers where gradients are wanted: each is one function with a way back of its own, computed by
/// nn/kernels on float32 in the processor's memory, products in bfloat16 where Bf16Products are on
/// (input, weight and incoming gradient rounded to it once, sums in float32). What they return is
/// undefined wherever the kernels do not apply (another device or type, no such product in this
/// processor): then LibTorch's own operations are to compute. They cannot be differentiated twice.

/// The norm in front of a convolution: GroupNorm of x + shift, then SiLU if asked.
struct NormBefore {
  Tensor weight, bias;  ///< [channels]
  Tensor shift;         ///< [N, channels] or undefined
  std::int64_t groups = 1;
  double epsilon = 1e-5;
  bool silu = true;
};

/// weight [out, in, kernel, kernel]; bias [out] and residual, of the result's shape, may be
/// undefined. x: [N, in, H, W]; the result has the channels last in memory.
Tensor trained_convolution(const Tensor& x, const Tensor& weight, const Tensor& bias,
                           const ConvolutionShape& shape, const Tensor& residual = {});
/// The same of norm(x).
Tensor trained_convolution(const Tensor& x, const NormBefore& norm, const Tensor& weight,
                           const Tensor& bias, const ConvolutionShape& shape,
                           const Tensor& residual = {});
/// The norm alone. x: [N, channels, H, W].
Tensor trained_group_norm(const Tensor& x, const NormBefore& norm);

/// x weight' + bias + residual. x: [..., in]; weight: [out, in].
Tensor trained_linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
                      const Tensor& residual = {});
/// The same of GEGLU (Shazeer 2020) of x: [..., 2 * in], first half times gelu(second half).
Tensor trained_gated_linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
                            const Tensor& residual = {});

/// Ba et al. 2016, over the last axis. weight, bias: [width].
Tensor trained_layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias,
                          double epsilon);

/// q: [batch, queries, heads * width]; k and v: [batch, keys, heads * width].
Tensor trained_attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t heads,
                         bool causal);

}  // namespace sumi
