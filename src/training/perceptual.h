#pragma once

#include <filesystem>

#include "training/scorer.h"

namespace sumi {

/// How different pictures look to a network that learned to see: the squared distance between
/// features, of unit length at each place, averaged over the places and added up over the levels
/// (LPIPS, Zhang et al. 2018, equation 1 with all channels' weights 1). 0 for equal pictures, at
/// most 4 for each level. made, wanted: [N, 3, H, W] of any size; gradients reach `made`.
Tensor perceptual_distance(const ImageTextScorer& eyes, const Tensor& made, const Tensor& wanted);

/// The trained scorer in `folder`, for that: its weights take no gradient. It may have learned from
/// pictures of another size. Throws Error naming the recipe's `scorer`.
ImageTextScorer open_eyes(const std::filesystem::path& folder);

}  // namespace sumi
