#include "training/model_parts.h"

#include <c10/core/GradMode.h>

#include "core/error.h"
#include "core/files.h"
#include "core/paths.h"
#include "core/sent_to.h"
#include "diffusion/plan.h"
#include "training/autoencoder_task.h"
#include "training/export.h"
#include "training/prompts.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr const char* kDiffusersWeights = "diffusion_pytorch_model.safetensors";
constexpr const char* kTransformersWeights = "model.safetensors";

ClipTextModel open_text(const fs::path& folder) {
  const fs::path file = folder / "config.json";
  ClipTextModel text(read_clip_text_config(read_json(file), file.string()));
  read_component(folder, kTransformersWeights, text);
  return text;
}

MMDiT open_transformer(const fs::path& folder) {
  const fs::path file = folder / "transformer" / "config.json";
  MMDiT transformer(read_model_config<MMDiTConfig>(read_json(file), file.string()));
  read_component(folder / "transformer", kDiffusersWeights, transformer);
  return transformer;
}

/// Networks that hear more than one text tower are not taught here.
void refuse_more_towers(const fs::path& folder) {
  if (fs::exists(folder / "text_encoder_2"))
    throw Error(fmt::format("{}: the model has more than one text encoder", folder.string()),
                "start from a model with one, as Stable Diffusion 1 and 2 have");
}

DiffusionNetwork open_network(const fs::path& folder) {
  if (fs::exists(folder / "transformer" / "config.json")) return open_transformer(folder);
  return open_unet(folder);
}

Json config_of(const DiffusionNetwork& network) {
  return network.is_transformer() ? published(network.transformer().config())
                                  : published(network.unet().config());
}

ScheduleConfig read_schedule(const fs::path& folder) {
  const fs::path file = folder / "scheduler" / "scheduler_config.json";
  return read_diffusers_scheduler(read_json(file), file.string()).config;
}

}  // namespace

fs::path starting_folder(const Recipe& recipe, const fs::path& output) {
  if (is_shipped_model(recipe.init_from)) return model_path(recipe.init_from);
  const fs::path named = output / recipe.init_from;
  return fs::exists(named / "model" / "model_index.json") ? named / "model" : named;
}

UNet open_unet(const fs::path& folder, const UNetChange& change) {
  const fs::path file = folder / "unet" / "config.json";
  if (!fs::exists(file))
    throw Error(fmt::format("{}: no U-Net is there", folder.string()),
                "name a text-to-image model with a U-Net, e.g. a training's output folder");
  UNetConfig config = read_unet_config(read_json(file), file.string());
  const fs::path weights = folder / "unet" / kDiffusersWeights;
  StateDict state = load_state_dict(weights);
  if (change) change(config, state);
  UNet unet(config);
  bind(unet, state, weights.string());
  return unet;
}

ModelParts open_model_parts(const fs::path& folder, const fs::path& output) {
  refuse_more_towers(folder);
  return {copied_tokenizer(folder / "tokenizer", output / "model" / "tokenizer"),
          open_autoencoder(folder), open_text(folder / "text_encoder"), open_network(folder),
          read_schedule(folder)};
}

ModelParts open_model_parts(const fs::path& folder, const fs::path& output,
                            const UNetChange& change) {
  refuse_more_towers(folder);
  UNet unet = open_unet(folder, change);
  return {copied_tokenizer(folder / "tokenizer", output / "model" / "tokenizer"),
          open_autoencoder(folder), open_text(folder / "text_encoder"), unet,
          read_schedule(folder)};
}

void place(const ModelParts& parts, torch::Device device) {
  place(*parts.autoencoder, device);
  place(parts.text, device);
  place(parts.network, device);
}

const char* name_of(const DiffusionNetwork& network) {
  return network.is_transformer() ? "transformer" : "unet";
}

std::int64_t out_channels(const DiffusionNetwork& network) {
  return network.is_transformer() ? network.transformer().config().out_channels
                                  : network.unet().config().out_channels;
}

Tensor unscaled_latents(const AutoencoderKL& autoencoder, const Tensor& pictures) {
  const c10::NoGradGuard no_grad;
  return mean_of_moments(autoencoder.encode_moments(pictures));
}

Tensor scaled_latents(const AutoencoderKL& autoencoder, const Tensor& pictures) {
  const VaeConfig& config = autoencoder.config();
  return (unscaled_latents(autoencoder, pictures) - config.shift_factor) * config.scaling_factor;
}

Tensor decoded(const AutoencoderKL& autoencoder, const Tensor& latents) {
  const c10::NoGradGuard no_grad;
  const VaeConfig& config = autoencoder.config();
  return autoencoder.decode(latents / config.scaling_factor + config.shift_factor);
}

Tensor context_of(const ModelParts& parts, const std::vector<std::string>& prompts) {
  return parts.text.forward(sent_to(device_of(parts.text), ids_of(prompts, parts.tokenizer)))
      .last_hidden;
}

void write_model_parts(const ModelParts& parts, const PublishedAs& as, const std::string& storage,
                       const fs::path& folder) {
  const char* name = name_of(parts.network);
  write_component(folder / name, kDiffusersWeights, parts.network, config_of(parts.network),
                  storage);
  write_component(folder / "text_encoder", kTransformersWeights, parts.text,
                  published(parts.text.config(), parts.tokenizer.start_id()), storage);
  write_component(folder / "vae", kDiffusersWeights, *parts.autoencoder,
                  published(parts.autoencoder->config()), storage);
  make_folder(folder / "scheduler");
  write_file(folder / "scheduler" / "scheduler_config.json", as.scheduler.dump(2) + "\n");
  write_file(folder / "generation.json", as.generation.dump(2) + "\n");
  Json index = model_index(name, parts.schedule);
  if (!as.pipeline.empty()) index["_class_name"] = as.pipeline;
  index["scheduler"] = {"diffusers", as.scheduler.at("_class_name")};
  write_file(folder / "model_index.json", index.dump(2) + "\n");
}

}  // namespace sumi
