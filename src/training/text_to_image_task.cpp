#include "training/text_to_image_task.h"

#include <c10/core/GradMode.h>

#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "models/conditioning.h"
#include "models/diffusion_network.h"
#include "training/autoencoder_task.h"
#include "training/captions.h"
#include "training/export.h"
#include "training/kept_tensors.h"
#include "training/objective.h"
#include "training/prompts.h"
#include "training/randomness.h"
#include "training/samples.h"
#include "training/unet_parts.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr int kValidationBatch = 32;
constexpr int kShownPrompts = 16;
constexpr const char* kDiffusersWeights = "diffusion_pytorch_model.safetensors";
constexpr const char* kTransformersWeights = "model.safetensors";

/// The parts of a text-to-image model in training.
struct Parts {
  ClipTokenizer tokenizer;
  std::shared_ptr<const AutoencoderKL> autoencoder;  ///< frozen
  ClipTextModel text;
  DiffusionNetwork network;
  Objective objective;
  bool checkpoint_blocks;
  /// Samples and frozen captions that come again go through their network alone, kept or not: the
  /// bits of a batch depend on its size.
  bool pictures_alone = false, texts_alone = false;
  std::optional<KeptTensors> latents = {};  ///< of pictures, where the recipe has them kept
  std::optional<KeptTensors> texts = {};    ///< of captions, where their tower does not learn
};

/// What it is called in a diffusers folder.
const char* name_of(const DiffusionNetwork& network) {
  return network.is_transformer() ? "transformer" : "unet";
}

DiffusionNetwork new_network(const Recipe& recipe, std::uint64_t seed) {
  const auto started = [&](auto network) {
    initialise(network, seed);
    return DiffusionNetwork(network);
  };
  return recipe.network == "transformer" ? started(MMDiT(recipe.transformer))
                                         : started(UNet(recipe.unet));
}

std::int64_t out_channels(const DiffusionNetwork& network) {
  return network.is_transformer() ? network.transformer().config().out_channels
                                  : network.unet().config().out_channels;
}

Json config_of(const DiffusionNetwork& network) {
  return network.is_transformer() ? published(network.transformer().config())
                                  : published(network.unet().config());
}

std::shared_ptr<Parts> make_parts(const Recipe& recipe, const Dataset& dataset,
                                  const fs::path& output) {
  const bool fresh = recipe.init_from.empty();
  const fs::path start = fresh ? fs::path() : starting_folder(recipe, output);
  const auto tokenizer =
      fresh ? learned_tokenizer(recipe.tokenizer, dataset, output / "model" / "tokenizer")
            : copied_tokenizer(start / "tokenizer", output / "model" / "tokenizer");
  auto autoencoder =
      open_autoencoder(recipe.autoencoder.empty() ? start : output / recipe.autoencoder);
  auto parts = std::make_shared<Parts>(
      Parts{tokenizer, autoencoder, ClipTextModel(fitted(recipe.text_encoder, tokenizer)),
            new_network(recipe, mix_seed(recipe.trainer.seed, 2)),
            Objective(recipe.scheduler, recipe.objective), recipe.checkpoint_blocks});
  if (fresh) {
    initialise(parts->text, mix_seed(recipe.trainer.seed, 1));
  } else {
    read_component(start / "text_encoder", kTransformersWeights, parts->text);
    read_component(start / name_of(parts->network), kDiffusersWeights, parts->network);
  }
  const int channels = autoencoder->config().latent_channels;
  const char* name = name_of(parts->network);
  if (parts->network.in_channels() != channels || out_channels(parts->network) != channels)
    throw Error(
        fmt::format("{}.in_channels: the autoencoder's latents have {} channels", name, channels),
        fmt::format("give {}.in_channels and {}.out_channels that number", name, name));
  return parts;
}

/// The latents that diffusion sees, of unit deviation. No gradient.
Tensor latents_of(const Parts& parts, const Tensor& pictures) {
  const c10::NoGradGuard no_grad;
  const VaeConfig& config = parts.autoencoder->config();
  const Tensor mean = mean_of_moments(parts.autoencoder->encode_moments(pictures));
  return (mean - config.shift_factor) * config.scaling_factor;
}

/// The same with what was kept, and kept for the next time.
Tensor latents_of(const Parts& parts, const Batch& batch) {
  if (!parts.pictures_alone) return latents_of(parts, batch.pictures);
  const VaeConfig& config = parts.autoencoder->config();
  const std::int64_t shape[] = {1, config.latent_channels, batch.height / config.downscale(),
                                batch.width / config.downscale()};
  std::vector<Tensor> latents;
  std::int64_t made = 0;
  for (std::size_t i = 0; i < batch.keys.size(); ++i) {
    if (!batch.recalled[i].empty()) {
      latents.push_back(KeptTensors::restored(batch.recalled[i], shape));
      continue;
    }
    latents.push_back(latents_of(parts, batch.pictures.narrow(0, made++, 1)));
    if (parts.latents) parts.latents->keep(batch.keys[i], latents.back());
  }
  return at::cat(latents);
}

/// What the network hears of captions: the text tower's output and, behind it, what it pools.
TextInputs texts_of(const Parts& parts, const std::vector<std::string>& captions) {
  const Tensor ids = ids_of(captions, parts.tokenizer);
  if (!parts.texts_alone) {
    const ClipTextOutput heard = parts.text.forward(ids);
    return {heard.last_hidden, pooled_of(heard)};
  }
  const c10::NoGradGuard no_grad;
  const std::int64_t tokens = ids.size(1), width = parts.text.config().hidden_size;
  const std::int64_t pooled = pooled_width(parts.text.config());
  std::vector<Tensor> contexts, wholes;
  for (std::int64_t i = 0; i < ids.size(0); ++i) {
    const Tensor row = ids.narrow(0, i, 1);
    const auto* id = row.data_ptr<std::int64_t>();
    const auto made = [&] {
      const ClipTextOutput heard = parts.text.forward(row);
      return at::cat({heard.last_hidden.flatten(), pooled_of(heard).flatten()});
    };
    const auto key = fmt::format("{}", fmt::join(id, id + tokens, " "));
    const Tensor both =
        parts.texts ? parts.texts->get(key, {tokens * width + pooled}, made) : made();
    contexts.push_back(both.narrow(0, 0, tokens * width).view({tokens, width}));
    wholes.push_back(both.narrow(0, tokens * width, pooled));
  }
  return {at::stack(contexts), at::stack(wholes)};
}

/// Opens the caches that the recipe asks for.
void keep_what_comes_again(const Recipe& recipe, const Dataset& training, Parts& parts) {
  parts.pictures_alone = training.why_endless().empty();
  // Shuffled tags make a new text nearly every time.
  parts.texts_alone =
      parts.pictures_alone && recipe.text_encoder_rate == 0 && !recipe.objective.shuffle_tags;
  if (recipe.cache_mb == 0) return;
  if (!parts.pictures_alone)
    throw Error(fmt::format("cache_mb: nothing of the world {} can be kept: {}", recipe.world,
                            training.why_endless()),
                "leave cache_mb out, or use a world of whole pictures");
  parts.latents.emplace("latents", *parts.autoencoder, to_json(parts.autoencoder->config()),
                        recipe.cache_mb);
  if (parts.texts_alone)
    parts.texts.emplace("texts", parts.text, to_json(parts.text.config()), recipe.cache_mb);
}

/// A network halves its latents a few times, or cuts them into patches.
void check_shapes(const Dataset& world, const Parts& parts) {
  if (!world.keeps_shapes()) return;
  const auto& network = parts.network;
  const int steps = network.is_transformer()
                        ? network.transformer().config().patch_size
                        : 1 << (network.unet().config().block_out_channels.size() - 1);
  const int needed = parts.autoencoder->config().downscale() * steps;
  if (world.config().buckets.step_px % needed != 0)
    throw Error(
        fmt::format("buckets.step_px: {} does not fit this model, whose pictures have sides "
                    "in steps of {} px",
                    world.config().buckets.step_px, needed),
        fmt::format("give the world a multiple of {}", needed));
}

Tensor loss_of(const Parts& parts, const Batch& batch, std::uint64_t seed) {
  const Tensor clean = latents_of(parts, batch);
  const Tensor noise = training_noise(parts.objective.config, clean.sizes(), mix_seed(seed, 1));
  const Tensor timesteps =
      stratified_timesteps(parts.objective, static_cast<int>(clean.size(0)), mix_seed(seed, 2));
  const TextInputs text = texts_of(parts, batch.captions);
  UNetOptions options;
  options.recompute_blocks = parts.checkpoint_blocks;
  const Network network = [&](const Tensor& input, const Tensor& time) {
    return parts.network.forward(input, time, text, options);
  };
  return diffusion_loss(parts.objective, network, clean, noise, timesteps, batch.masks);
}

void write_model(const Parts& parts, const std::string& storage, const ScheduleConfig& schedule,
                 const fs::path& folder) {
  const char* name = name_of(parts.network);
  write_component(folder / name, kDiffusersWeights, parts.network, config_of(parts.network),
                  storage);
  write_component(folder / "text_encoder", kTransformersWeights, parts.text,
                  published(parts.text.config(), parts.tokenizer.start_id()), storage);
  write_component(folder / "vae", kDiffusersWeights, *parts.autoencoder,
                  published(parts.autoencoder->config()), storage);
  make_folder(folder / "scheduler");
  write_file(folder / "scheduler" / "scheduler_config.json", published(schedule).dump(2) + "\n");
  write_file(folder / "model_index.json", model_index(name, schedule).dump(2) + "\n");
}

std::vector<std::string> shown_prompts(const Recipe& recipe, const Dataset& validation) {
  std::vector<std::string> prompts = recipe.prompts;
  for (int i = 0; recipe.prompts.empty() && i < kShownPrompts; ++i)
    prompts.push_back(validation.caption_at(static_cast<std::uint64_t>(i)));
  return prompts;
}

}  // namespace

Task text_to_image_task(const Recipe& recipe, std::shared_ptr<const Dataset> training,
                        std::shared_ptr<const Dataset> validation, const fs::path& output,
                        const PictureMaker& pictures) {
  const auto parts = make_parts(recipe, *training, output);
  keep_what_comes_again(recipe, *training, *parts);
  check_shapes(*training, *parts);
  const double allowed = recipe.trainer.max_damaged;
  const auto recall = parts->latents ? parts->latents->recall() : Recall();
  const auto learned = std::make_shared<BatchReader>(training, allowed, recall);
  const auto unseen = std::make_shared<BatchReader>(validation, allowed, recall);
  Task task;
  task.name = "text_to_image";
  const std::string denoiser = name_of(parts->network);
  for (const auto& [name, slot] : parts->network.parameters())
    if (name != kMMDiTPlaces) task.parameters.emplace_back(denoiser + "." + name, slot);
  if (recipe.text_encoder_rate > 0)
    for (const auto& [name, slot] : parts->text.parameters())
      task.parameters.emplace_back("text_encoder." + name, slot);
  task.rates = {{"text_encoder.", recipe.text_encoder_rate}};
  task.loss = [=, objective = recipe.objective](const Draw& draw) {
    Batch batch = learned->read(draw);
    vary_captions(batch.captions, objective, mix_seed(draw.seed, 0));
    return Loss{loss_of(*parts, batch, draw.seed), {}, std::move(batch.damage)};
  };
  task.validation_loss = [=, samples = recipe.validation_samples] {
    return mean_loss(*unseen, samples, kValidationBatch, [&](const Batch& batch, int first) {
      return loss_of(*parts, batch, mix_seed(0, static_cast<std::uint64_t>(first)));
    });
  };
  task.write_result = [=, storage = recipe.storage,
                       schedule = recipe.scheduler](const fs::path& to) {
    write_model(*parts, storage, schedule, to / "model");
  };
  if (!pictures) return task;
  task.validation_panel = [=, write = task.write_result] {
    const auto prompts = shown_prompts(recipe, *validation);
    write(output);
    return Panel{pictures(output / "model", prompts), prompts, 0};
  };
  return task;
}

}  // namespace sumi
