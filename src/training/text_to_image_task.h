#pragma once

#include <filesystem>
#include <memory>

#include "data/dataset.h"
#include "training/recipe.h"
#include "training/task.h"
#include "training/train.h"

namespace sumi {

/// Teaches U-Net and text tower together, from scratch or from recipe.init_from, on the latents of
/// a frozen autoencoder (Rombach et al. 2022). `output`: where the tokenizer is written, and what
/// the recipe's paths are relative to. `device`: where the networks lie. The result: OUTPUT/model,
/// a Stable Diffusion folder.
Task text_to_image_task(const Recipe& recipe, std::shared_ptr<const Dataset> training,
                        std::shared_ptr<const Dataset> validation,
                        const std::filesystem::path& output, torch::Device device,
                        const PictureMaker& pictures);

}  // namespace sumi
