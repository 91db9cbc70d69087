#pragma once

#include <cmath>

#include "core/tensor.h"
#include "nn/kernels/attention_kernel.h"

namespace sumi {

/// [batch, tokens, heads * width] float32, last axis contiguous, as the kernels see it.
template <class Element>
HeadsView<Element> heads_view(const Tensor& x, std::int64_t heads) {
  return {x.data_ptr<float>(), x.stride(0), x.stride(1), x.size(2) / heads};
}

/// softmax(q k' / sqrt(width)) v without a mask, on tensors as heads_view() takes them.
inline AttentionProblem attention_problem(const Tensor& q, const Tensor& k, const Tensor& v,
                                          const Tensor& out, std::int64_t heads, bool causal) {
  AttentionProblem problem{.batch = q.size(0),
                           .heads = heads,
                           .queries = q.size(1),
                           .keys = k.size(1),
                           .width = q.size(2) / heads,
                           .q = heads_view<const float>(q, heads),
                           .k = heads_view<const float>(k, heads),
                           .v = heads_view<const float>(v, heads),
                           .out = heads_view<float>(out, heads),
                           .causal = causal};
  problem.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(problem.width)));
  return problem;
}

}  // namespace sumi
