#pragma once

#include <initializer_list>

#include "nn/layers.h"

namespace sumi {

/// conv(silu(norm(x + shift))) + residual, in as few passes over memory as the layers allow.
/// x: [N, channels, H, W]; shift: [N, channels] or undefined; residual: of the result's shape or
/// undefined; moved here, it becomes the result where nobody else reads it.
Tensor convolve_normed(const GroupNorm& norm, const Conv2d& conv, const Tensor& x,
                       const Tensor& shift = {}, Tensor residual = {});

/// The convolution of a picture enlarged to height and width by repeating pixels.
Tensor convolve_enlarged(const Conv2d& conv, const Tensor& x, std::int64_t height,
                         std::int64_t width);

/// norm(x) in the form that all of its readers take. x: [N, tokens, width].
Activations normed_for(const LayerNorm& norm, const Tensor& x,
                       std::initializer_list<const Linear*> readers);

/// GEGLU (Shazeer 2020) in the form that its reader takes: the first half of the last axis times
/// gelu(second half). x: [..., 2 * width] -> [..., width]; x is given away.
Activations gated_for(Tensor x, const Linear& reader);

/// reader(GEGLU of x) + residual, where that is defined; x is given away.
Tensor gated_linear(const Linear& reader, Tensor x, const Tensor& residual);

}  // namespace sumi
