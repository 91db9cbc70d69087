#pragma once

// The one file that holds what differs between LibTorch 1.13 and 2.x.

#include <torch/version.h>

#include <stdexcept>

#include "core/tensor.h"

namespace sumi {

/// Whether this LibTorch has a fused scaled_dot_product_attention (2.0 and later).
constexpr bool kHasFusedAttention = TORCH_VERSION_MAJOR >= 2;

/// LibTorch's fused attention over [batch, heads, tokens, width]; only where kHasFusedAttention.
inline Tensor fused_attention([[maybe_unused]] const Tensor& q, [[maybe_unused]] const Tensor& k,
                              [[maybe_unused]] const Tensor& v, [[maybe_unused]] const Tensor& mask,
                              [[maybe_unused]] bool causal) {
#if TORCH_VERSION_MAJOR >= 2
  const auto bias = mask.defined() ? c10::optional<Tensor>(mask) : c10::nullopt;
  return at::scaled_dot_product_attention(q, k, v, bias, 0.0, causal);
#else
  throw std::logic_error("this LibTorch has no fused attention");
#endif
}

}  // namespace sumi
