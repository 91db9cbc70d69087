#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "diffusion/schedule.h"
#include "models/clip_text.h"
#include "models/unet.h"
#include "models/vae.h"
#include "text/clip_tokenizer.h"
#include "training/recipe.h"
#include "weights/state_dict.h"

namespace sumi {

/// A Stable Diffusion model with a U-Net, opened to be taught something else.
struct UNetParts {
  ClipTokenizer tokenizer;
  std::shared_ptr<const AutoencoderKL> autoencoder;  ///< frozen
  ClipTextModel text;
  UNet unet;
  ScheduleConfig schedule;
};

/// What a published U-Net becomes on its way in: its config, and its weights to match.
using UNetChange = std::function<void(UNetConfig&, StateDict&)>;

/// The folder that recipe.init_from means: "default" is the model that comes with Sumi, anything
/// else is relative to the output folder; a training's output stands for its model.
std::filesystem::path starting_folder(const Recipe& recipe, const std::filesystem::path& output);

/// Opens a diffusers folder; its tokenizer is copied to `output`/model/tokenizer. Throws Error
/// naming the file, also where the folder holds a transformer.
UNetParts open_unet_parts(const std::filesystem::path& folder, const std::filesystem::path& output,
                          const UNetChange& change);

/// Its U-Net once more, as it is published.
UNet open_unet(const std::filesystem::path& folder, const UNetChange& change = {});

/// The latents that diffusion sees, of unit deviation. pictures: [N, 3, H, W] in [-1, 1] -> [N, C,
/// h, w]. No gradient.
Tensor scaled_latents(const AutoencoderKL& autoencoder, const Tensor& pictures);
/// The same without shift and scale, as instruct-pix2pix's network takes the given picture.
Tensor unscaled_latents(const AutoencoderKL& autoencoder, const Tensor& pictures);
/// Back from scaled latents. No gradient.
Tensor decoded(const AutoencoderKL& autoencoder, const Tensor& latents);

/// What the network is told of prompts. [N, tokens, width].
Tensor context_of(const UNetParts& parts, const std::vector<std::string>& prompts);

/// What the written folder says of itself.
struct PublishedAs {
  std::string pipeline = "StableDiffusionPipeline";
  Json scheduler;   ///< scheduler_config.json
  Json generation;  ///< generation.json, Sumi's own; null: none
};

/// Writes a diffusers folder. `storage`: "fp16" or "fp32".
void write_unet_parts(const UNetParts& parts, const PublishedAs& as, const std::string& storage,
                      const std::filesystem::path& folder);

}  // namespace sumi
