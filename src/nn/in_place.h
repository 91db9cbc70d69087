#pragma once

#include "core/tensor.h"

namespace sumi {

/// Whether gradients are off, so that a tensor nobody else reads may be overwritten.
inline bool may_overwrite() { return !torch::GradMode::is_enabled(); }

/// Whether nobody but the holder of `x` reads its memory, gradients included.
inline bool may_be_overwritten(const Tensor& x) {
  return x.defined() && may_overwrite() && x.use_count() == 1 && x.storage().use_count() == 1;
}

/// x * sigmoid(x). `x` is given away: without gradients the result reuses its memory.
inline Tensor apply_silu(Tensor x) { return may_overwrite() ? at::silu_(x) : at::silu(x); }

/// max(x, 0). `x` is given away.
inline Tensor apply_relu(Tensor x) { return may_overwrite() ? at::relu_(x) : at::relu(x); }

/// a + b. `a` is given away, `b` is not.
inline Tensor add_to(Tensor a, const Tensor& b) { return may_overwrite() ? a.add_(b) : a + b; }

}  // namespace sumi
