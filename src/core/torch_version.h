#pragma once

// The one file that holds what differs between LibTorch 1.13 and 2.x.

#include <torch/version.h>

#include "core/tensor.h"

namespace sumi {

/// Whether this LibTorch has a fused scaled_dot_product_attention (2.0 and later).
constexpr bool kHasFusedAttention = TORCH_VERSION_MAJOR >= 2;

}  // namespace sumi
