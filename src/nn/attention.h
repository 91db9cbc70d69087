#pragma once

#include "core/tensor.h"
#include "nn/kernels/attention_kernel.h"

namespace sumi {

struct AttentionOptions {
  /// Added to the scores before the softmax; broadcast to [batch, heads, queries, keys]. May be
  /// undefined.
  Tensor mask = {};
  /// Query i sees keys 0..i only.
  bool causal = false;
  /// Of the fused kernel; elsewhere the tensors' own type decides.
  AttentionPrecision precision = AttentionPrecision::fp32;
};

/// Scaled dot-product attention of several heads (Vaswani et al. 2017).
/// q: [batch, queries, heads * width]; k and v: [batch, keys, heads * width] -> the shape of q.
/// Differentiable. Where no gradient is asked for, tensors on the CPU go to the fused kernel
/// (nn/kernels/attention_kernel.h), which reads them as they lie (a third of a fused product, any
/// batch and token strides) and never makes the matrix of scores. The result is contiguous there.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t heads,
                 const AttentionOptions& options = {});

}  // namespace sumi
