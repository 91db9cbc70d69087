#pragma once

// The one file that holds what differs between LibTorch 1.13 and 2.x.

#include <c10/core/Allocator.h>
#include <torch/version.h>

#include <cstdlib>
#include <cstring>
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

/// From now on a GPU gives the same bits for the same work: kernels that add in any order are left
/// aside, and products are what their type says (no TF32). LibTorch warns where an operation has no
/// such kernel. To be called before the first product.
inline void compute_repeatably() {
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  auto& context = at::globalContext();
  context.setBenchmarkCuDNN(false);
  context.setDeterministicCuDNN(true);
  context.setAllowTF32CuDNN(false);
  context.setAllowTF32CuBLAS(false);
  context.setDeterministicAlgorithms(true, /*warn_only=*/true);
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 2)
  context.setDeterministicFillUninitializedMemory(false);
#endif
}

/// An allocator of tensors. LibTorch 1.13 asks by a constant function, 2.x by one that is not, and
/// also wants to be told how to copy: of each pair one overrides and the other is not called.
class TensorAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) const { return take(bytes); }
  c10::DataPtr allocate(std::size_t bytes) { return take(bytes); }
  void copy_data(void* to, const void* from, std::size_t bytes) const {
    std::memcpy(to, from, bytes);
  }

 protected:
  virtual c10::DataPtr take(std::size_t bytes) const = 0;
};

}  // namespace sumi
