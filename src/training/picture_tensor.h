#pragma once

#include <span>
#include <vector>

#include "core/tensor.h"
#include "media/image.h"

namespace sumi {

/// Pictures of one size, RGB -> [N, 3, H, W] in [-1, 1].
Tensor tensor_of(std::span<const Image> pictures, torch::Device device = torch::kCPU);

/// [N, 3, H, W] in [-1, 1] (clamped) -> RGB pictures.
std::vector<Image> pictures_of(const Tensor& tensor);

}  // namespace sumi
