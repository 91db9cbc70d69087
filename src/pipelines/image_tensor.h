#pragma once

#include "core/tensor.h"
#include "media/image.h"

namespace sumi {

/// RGB picture to [1, 3, height, width] in [-1, 1], as Stable Diffusion's autoencoders take it.
/// Alpha is laid over white.
Tensor to_tensor(const Image& image);

/// One channel (luma) to [1, 1, height, width] in [0, 1]; white is 1.
Tensor mask_tensor(const Image& image);

/// [3, height, width] in [-1, 1] (clamped) to an 8-bit RGB picture, rounded to nearest.
Image to_image(const Tensor& picture);

}  // namespace sumi
