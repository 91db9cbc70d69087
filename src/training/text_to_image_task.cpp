#include "training/text_to_image_task.h"

#include <c10/core/GradMode.h>

#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "core/sent_to.h"
#include "models/conditioning.h"
#include "models/diffusion_network.h"
#include "training/autoencoder_task.h"
#include "training/captions.h"
#include "training/export.h"
#include "training/kept_tensors.h"
#include "training/model_parts.h"
#include "training/objective.h"
#include "training/prompts.h"
#include "training/randomness.h"
#include "training/samples.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr int kValidationBatch = 32;
constexpr int kShownPrompts = 16;
constexpr double kGuidanceScale = 3;
constexpr int kSteps = 20;

/// A text-to-image model in training.
struct Learner {
  ModelParts parts;
  Objective objective;
  bool checkpoint_blocks;
  /// Samples and frozen captions that come again go through their network alone, kept or not: the
  /// bits of a batch depend on its size.
  bool pictures_alone = false, texts_alone = false;
  std::optional<KeptTensors> latents = {};  ///< of pictures, where the recipe has them kept
  std::optional<KeptTensors> texts = {};    ///< of captions, where their tower does not learn
};

DiffusionNetwork new_network(const Recipe& recipe, std::uint64_t seed) {
  const auto started = [&](auto network) {
    initialise(network, seed);
    return DiffusionNetwork(network);
  };
  return recipe.network == "transformer" ? started(MMDiT(recipe.transformer))
                                         : started(UNet(recipe.unet));
}

ModelParts from_scratch(const Recipe& recipe, const Dataset& world, const fs::path& output) {
  const auto tokenizer = learned_tokenizer(recipe.tokenizer, world, output / "model" / "tokenizer");
  ModelParts parts{tokenizer, open_autoencoder(output / recipe.autoencoder),
                   ClipTextModel(fitted(recipe.text_encoder, tokenizer)),
                   new_network(recipe, mix_seed(recipe.trainer.seed, 2)), recipe.scheduler};
  initialise(parts.text, mix_seed(recipe.trainer.seed, 1));
  return parts;
}

ModelParts further(const Recipe& recipe, const fs::path& output) {
  ModelParts parts = open_model_parts(starting_folder(recipe, output), output);
  if (!recipe.autoencoder.empty())
    parts.autoencoder = open_autoencoder(output / recipe.autoencoder);
  if (recipe.scheduler_said) parts.schedule = recipe.scheduler;
  return parts;
}

void check_channels(const ModelParts& parts) {
  const int channels = parts.autoencoder->config().latent_channels;
  const char* name = name_of(parts.network);
  if (parts.network.in_channels() != channels || out_channels(parts.network) != channels)
    throw Error(
        fmt::format("{}.in_channels: the autoencoder's latents have {} channels", name, channels),
        fmt::format("give {}.in_channels and {}.out_channels that number", name, name));
}

std::shared_ptr<Learner> make_learner(const Recipe& recipe, const Dataset& world,
                                      const fs::path& output, torch::Device device) {
  ModelParts parts =
      recipe.init_from.empty() ? from_scratch(recipe, world, output) : further(recipe, output);
  place(parts, device);
  check_channels(parts);
  check(recipe.objective, parts.schedule);
  Objective objective(parts.schedule, recipe.objective);
  return std::make_shared<Learner>(
      Learner{std::move(parts), std::move(objective), recipe.checkpoint_blocks});
}

/// The latents that diffusion sees; kept ones are not computed, others are kept where asked for.
Tensor latents_of(const Learner& learner, const Batch& batch) {
  const AutoencoderKL& autoencoder = *learner.parts.autoencoder;
  if (!learner.pictures_alone) return scaled_latents(autoencoder, batch.pictures);
  const VaeConfig& config = autoencoder.config();
  const std::int64_t shape[] = {1, config.latent_channels, batch.height / config.downscale(),
                                batch.width / config.downscale()};
  std::vector<Tensor> latents;
  std::int64_t made = 0;
  for (std::size_t i = 0; i < batch.keys.size(); ++i) {
    if (!batch.recalled[i].empty()) {
      latents.push_back(
          sent_to(device_of(autoencoder), KeptTensors::restored(batch.recalled[i], shape)));
      continue;
    }
    latents.push_back(scaled_latents(autoencoder, batch.pictures.narrow(0, made++, 1)));
    if (learner.latents) learner.latents->keep(batch.keys[i], latents.back());
  }
  return at::cat(latents);
}

/// What the network hears of captions: the text tower's output and, behind it, what it pools.
TextInputs texts_of(const Learner& learner, const std::vector<std::string>& captions) {
  const ModelParts& parts = learner.parts;
  const Tensor ids = ids_of(captions, parts.tokenizer);
  const auto device = device_of(parts.text);
  if (!learner.texts_alone) {
    const ClipTextOutput heard = parts.text.forward(sent_to(device, ids));
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
      const ClipTextOutput heard = parts.text.forward(sent_to(device, row));
      return at::cat({heard.last_hidden.flatten(), pooled_of(heard).flatten()});
    };
    const auto key = fmt::format("{}", fmt::join(id, id + tokens, " "));
    const Tensor both = learner.texts
                            ? learner.texts->get(key, {tokens * width + pooled}, made).to(device)
                            : made();
    contexts.push_back(both.narrow(0, 0, tokens * width).view({tokens, width}));
    wholes.push_back(both.narrow(0, tokens * width, pooled));
  }
  return {at::stack(contexts), at::stack(wholes)};
}

/// Opens the caches that the recipe asks for.
void keep_what_comes_again(const Recipe& recipe, const Dataset& training, Learner& learner) {
  const ModelParts& parts = learner.parts;
  learner.pictures_alone = training.why_endless().empty();
  // Shuffled tags make a new text nearly every time.
  learner.texts_alone =
      learner.pictures_alone && recipe.text_encoder_rate == 0 && !recipe.objective.shuffle_tags;
  if (recipe.cache_mb == 0) return;
  if (!learner.pictures_alone)
    throw Error(fmt::format("cache_mb: nothing of the world {} can be kept: {}", recipe.world,
                            training.why_endless()),
                "leave cache_mb out, or use a world of whole pictures");
  learner.latents.emplace("latents", *parts.autoencoder, to_json(parts.autoencoder->config()),
                          recipe.cache_mb);
  if (learner.texts_alone)
    learner.texts.emplace("texts", parts.text, to_json(parts.text.config()), recipe.cache_mb);
}

/// A network halves its latents a few times, or cuts them into patches.
void check_shapes(const Dataset& world, const ModelParts& parts) {
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

Tensor loss_of(const Learner& learner, const Batch& batch, std::uint64_t seed) {
  const Objective& objective = learner.objective;
  const Tensor clean = latents_of(learner, batch);
  const Tensor noise =
      training_noise(objective.config, clean.sizes(), mix_seed(seed, 1), clean.device());
  const Tensor timesteps =
      stratified_timesteps(objective, static_cast<int>(clean.size(0)), mix_seed(seed, 2));
  const TextInputs text = texts_of(learner, batch.captions);
  UNetOptions options;
  options.recompute_blocks = learner.checkpoint_blocks;
  const Network network = [&](const Tensor& input, const Tensor& time) {
    return learner.parts.network.forward(input, time, text, options);
  };
  return diffusion_loss(objective, network, clean, noise, timesteps, batch.masks);
}

/// How the model draws best, unless the one it was made from says so itself.
PublishedAs as_generator(const Recipe& recipe, const ModelParts& parts, int size_px,
                         const fs::path& output) {
  PublishedAs as;
  as.scheduler = published(parts.schedule);
  const auto said = starting_folder(recipe, output) / "generation.json";
  if (!recipe.init_from.empty() && fs::exists(said)) {
    as.generation = read_json(said);
    return as;
  }
  as.generation = {{"width", size_px},
                   {"height", size_px},
                   {"steps", kSteps},
                   {"guidance_scale", kGuidanceScale}};
  if (parts.schedule.beta_schedule != "flow") {
    as.generation["sampler"] = "DPM++ 2M";
    as.generation["spacing"] = "trailing";
  }
  return as;
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
                        torch::Device device, const PictureMaker& pictures) {
  const auto learner = make_learner(recipe, *training, output, device);
  const ModelParts& parts = learner->parts;
  keep_what_comes_again(recipe, *training, *learner);
  check_shapes(*training, parts);
  const double allowed = recipe.trainer.max_damaged;
  const auto recall = learner->latents ? learner->latents->recall() : Recall();
  const auto learned = std::make_shared<BatchReader>(training, allowed, device, recall);
  const auto unseen = std::make_shared<BatchReader>(validation, allowed, device, recall);
  Task task;
  task.name = "text_to_image";
  const std::string denoiser = name_of(parts.network);
  for (const auto& [name, slot] : parts.network.parameters())
    if (name != kMMDiTPlaces) task.parameters.emplace_back(denoiser + "." + name, slot);
  if (recipe.text_encoder_rate > 0)
    for (const auto& [name, slot] : parts.text.parameters())
      task.parameters.emplace_back("text_encoder." + name, slot);
  task.rates = {{"text_encoder.", recipe.text_encoder_rate}};
  task.loss = [=, objective = recipe.objective](const Draw& draw) {
    Batch batch = learned->read(draw);
    vary_captions(batch.captions, objective, mix_seed(draw.seed, 0));
    return Loss{loss_of(*learner, batch, draw.seed), {}, std::move(batch.damage)};
  };
  task.validation_loss = [=, samples = recipe.validation_samples] {
    return mean_loss(*unseen, samples, kValidationBatch, [&](const Batch& batch, int first) {
      return loss_of(*learner, batch, mix_seed(0, static_cast<std::uint64_t>(first)));
    });
  };
  const auto as = as_generator(recipe, parts, training->config().size_px, output);
  task.write_result = [=, storage = recipe.storage](const fs::path& to) {
    write_model_parts(learner->parts, as, storage, to / "model");
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
