#pragma once

#include <filesystem>
#include <memory>

#include "data/dataset.h"
#include "training/recipe.h"
#include "training/task.h"

namespace sumi {

/// Teaches a U-Net to carry out instructions on a given picture (InstructPix2Pix, Brooks et al.
/// 2023): it sees the picture's latents beside the noisy ones. Pairs are made of the world's
/// pictures by recipe.edits (data/edit_pair.h). Starts from recipe.init_from, whose first
/// convolution is widened with zeros, or from scratch. The result: OUTPUT/model, a
/// StableDiffusionInstructPix2PixPipeline folder. Its validation tells, over held-out pairs that
/// restore a damaged picture, the mean PSNR in dB of the edited one (psnr_edited), of the damaged
/// one (psnr_given) and of the original through the autoencoder (psnr_floor).
Task editing_task(const Recipe& recipe, std::shared_ptr<const Dataset> training,
                  std::shared_ptr<const Dataset> validation, const std::filesystem::path& output,
                  torch::Device device);

/// conv_in.weight [out, in, 3, 3] with zeros for `in` more channels, so that the network gives at
/// first what it gave before.
Tensor widened_with_zeros(const Tensor& kernel);

}  // namespace sumi
