#pragma once

#include "core/tensor.h"

namespace sumi {

struct AttentionOptions {
  /// Added to the scores before the softmax; broadcast to [batch, heads, queries, keys]. May be
  /// undefined.
  Tensor mask = {};
  /// Query i sees keys 0..i only.
  bool causal = false;
};

/// Scaled dot-product attention of several heads (Vaswani et al. 2017).
/// q: [batch, queries, heads * width]; k and v: [batch, keys, heads * width] -> the shape of q.
/// Differentiable. Without gradients, large score matrices are made a slice of queries at a time,
/// so that the extra memory stays below about 32 MiB whatever the number of tokens.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t heads,
                 const AttentionOptions& options = {});

}  // namespace sumi
