#pragma once

#include <filesystem>
#include <memory>

#include "data/dataset.h"
#include "models/vae.h"
#include "training/recipe.h"
#include "training/task.h"

namespace sumi {

/// Teaches AutoencoderKL to give pictures back (Rombach et al. 2022, section 3.1), where the recipe
/// says so with a perceptual distance (perceptual.h) and an adversary (adversarial.h). `output`:
/// what recipe.init_from and recipe.scorer are relative to. Validation tells the loss without the
/// adversary, and `sharpness`: the mean gradient magnitude of what comes back as a share of the
/// pictures'. The result: OUTPUT/model/vae, with scaling_factor = 1 / deviation of the latents.
Task autoencoder_task(const Recipe& recipe, std::shared_ptr<const Dataset> training,
                      std::shared_ptr<const Dataset> validation,
                      const std::filesystem::path& output, torch::Device device);

/// Opens a vae: `folder` is a training's output, a diffusers folder or the component itself.
std::shared_ptr<AutoencoderKL> open_autoencoder(const std::filesystem::path& folder);

}  // namespace sumi
