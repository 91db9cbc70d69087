#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "diffusion/schedule.h"
#include "models/clip_text.h"
#include "models/diffusion_network.h"
#include "models/vae.h"
#include "text/clip_tokenizer.h"
#include "training/recipe.h"
#include "weights/state_dict.h"

namespace sumi {

/// A text-to-image model, as it is taught something.
struct ModelParts {
  ClipTokenizer tokenizer;
  std::shared_ptr<const AutoencoderKL> autoencoder;  ///< frozen
  ClipTextModel text;
  DiffusionNetwork network;
  ScheduleConfig schedule;
};

/// What a published U-Net becomes on its way in: its config, and its weights to match.
using UNetChange = std::function<void(UNetConfig&, StateDict&)>;

/// The folder that recipe.init_from means: "default" is the model that comes with Sumi, anything
/// else is relative to the output folder; a training's output stands for its model.
std::filesystem::path starting_folder(const Recipe& recipe, const std::filesystem::path& output);

/// Opens a diffusers folder with one text tower and a U-Net or a transformer; its tokenizer is
/// copied to `output`/model/tokenizer. Throws Error naming the file.
ModelParts open_model_parts(const std::filesystem::path& folder,
                            const std::filesystem::path& output);
/// The same with a U-Net, changed; Error where the folder holds a transformer.
ModelParts open_model_parts(const std::filesystem::path& folder,
                            const std::filesystem::path& output, const UNetChange& change);

/// Its U-Net once more, as it is published. Throws Error where there is none.
UNet open_unet(const std::filesystem::path& folder, const UNetChange& change = {});

/// Moves all networks of a model to a device.
void place(const ModelParts& parts, torch::Device device);

/// What the network is called in a diffusers folder: "unet" or "transformer".
const char* name_of(const DiffusionNetwork& network);
std::int64_t out_channels(const DiffusionNetwork& network);

/// The latents that diffusion sees, of unit deviation. pictures: [N, 3, H, W] in [-1, 1] -> [N, C,
/// h, w]. No gradient.
Tensor scaled_latents(const AutoencoderKL& autoencoder, const Tensor& pictures);
/// The same without shift and scale, as instruct-pix2pix's network takes the given picture.
Tensor unscaled_latents(const AutoencoderKL& autoencoder, const Tensor& pictures);
/// Back from scaled latents. No gradient.
Tensor decoded(const AutoencoderKL& autoencoder, const Tensor& latents);

/// What the network is told of prompts, where the text tower lies. [N, tokens, width].
Tensor context_of(const ModelParts& parts, const std::vector<std::string>& prompts);

/// What the written folder says of itself.
struct PublishedAs {
  std::string pipeline;  ///< empty: as model_index() says
  Json scheduler;        ///< scheduler_config.json
  Json generation;       ///< generation.json, Sumi's own
};

/// Writes a diffusers folder. `storage`: "fp16" or "fp32".
void write_model_parts(const ModelParts& parts, const PublishedAs& as, const std::string& storage,
                       const std::filesystem::path& folder);

}  // namespace sumi
