#pragma once

#include "core/tensor.h"
#include "pipelines/generate.h"

namespace sumi {

/// The one door through which every finished picture leaves, whatever route made it: a constant or
/// non-finite picture is refused here, and its generation parameters are attached. pixels: [3,
/// height, width] in about
/// [-1, 1]; `request` is resolved and its seed is the picture's own.
Picture release(const Tensor& pixels, const GenerateRequest& request, const Image* original,
                const Tensor* mask);

}  // namespace sumi
