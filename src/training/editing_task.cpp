#include "training/editing_task.h"

#include <c10/core/GradMode.h>

#include "core/error.h"
#include "core/sent_to.h"
#include "data/edit_pair.h"
#include "diffusion/guidance.h"
#include "diffusion/plan.h"
#include "media/compare.h"
#include "training/autoencoder_task.h"
#include "training/export.h"
#include "training/model_parts.h"
#include "training/objective.h"
#include "training/picture_tensor.h"
#include "training/prompts.h"
#include "training/randomness.h"
#include "training/samples.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr double kDropped = 0.05;  // of the instructions, of the pictures, and of both at once
constexpr int kValidationBatch = 32;
constexpr int kShown = 16;
constexpr int kRestored = 32;
constexpr int kSampled = 16;  // edited together
constexpr int kSteps = 12;
constexpr double kTextScale = 2, kImageScale = 1.5;  // the pipeline's default for the picture
constexpr const char* kSampler = "DPM++ 2M";
constexpr const char* kSpacing = "trailing";

struct Editor {
  ModelParts parts;
  Objective objective;
  bool checkpoint_blocks;
};

ModelParts from_scratch(const Recipe& recipe, const Dataset& world, const fs::path& output) {
  const auto instruction = [&](std::uint64_t i) {
    return instruction_like(recipe.edits, world.config().seed + i);
  };
  const auto tokenizer =
      learned_tokenizer(recipe.tokenizer, instruction, output / "model" / "tokenizer");
  const auto autoencoder = open_autoencoder(output / recipe.autoencoder);
  UNetConfig config = recipe.unet;
  config.out_channels = autoencoder->config().latent_channels;
  config.in_channels = 2 * config.out_channels;
  ModelParts parts{tokenizer, autoencoder, ClipTextModel(fitted(recipe.text_encoder, tokenizer)),
                   UNet(config), recipe.scheduler};
  initialise(parts.text, mix_seed(recipe.trainer.seed, 1));
  initialise(parts.network, mix_seed(recipe.trainer.seed, 2));
  return parts;
}

/// A text-to-image U-Net becomes one for editing; one for editing stays what it is.
void widen(UNetConfig& config, StateDict& state) {
  if (config.in_channels == 2 * config.out_channels) return;
  if (config.in_channels != config.out_channels)
    throw Error(fmt::format("init_from: its U-Net has {} input channels", config.in_channels),
                "start from a text-to-image model or from one for instruction editing");
  Tensor& kernel = state.at("conv_in.weight");
  kernel = widened_with_zeros(kernel);
  config.in_channels *= 2;
}

std::shared_ptr<Editor> make_editor(const Recipe& recipe, const Dataset& world,
                                    const fs::path& output, torch::Device device) {
  ModelParts parts = recipe.init_from.empty()
                         ? from_scratch(recipe, world, output)
                         : open_model_parts(starting_folder(recipe, output), output, widen);
  place(parts, device);
  check(recipe.objective, parts.schedule);
  Objective objective(parts.schedule, recipe.objective);
  return std::make_shared<Editor>(
      Editor{std::move(parts), std::move(objective), recipe.checkpoint_blocks});
}

/// Leaves out some instructions, some pictures and some of both, so that each can be guided by.
/// Returns which pictures stay, [N, 1, 1, 1] on the host.
Tensor drop_conditions(std::vector<std::string>& instructions, std::uint64_t seed) {
  Tensor kept = at::ones({static_cast<std::int64_t>(instructions.size()), 1, 1, 1});
  for (std::size_t i = 0; i < instructions.size(); ++i) {
    const double u = static_cast<double>(mix_seed(seed, i) >> 11) * 0x1p-53;
    if (u < 2 * kDropped) instructions[i].clear();
    if (u >= kDropped && u < 3 * kDropped) kept[static_cast<std::int64_t>(i)].zero_();
  }
  return kept;
}

/// `kept`: which given pictures the network sees, [N, 1, 1, 1].
Tensor loss_of(const Editor& editor, const Batch& batch, const Tensor& kept, std::uint64_t seed) {
  const ModelParts& parts = editor.parts;
  const Tensor clean = scaled_latents(*parts.autoencoder, batch.pictures);
  const Tensor given =
      unscaled_latents(*parts.autoencoder, batch.given) * sent_to(clean.device(), kept);
  const Tensor noise =
      training_noise(editor.objective.config, clean.sizes(), mix_seed(seed, 1), clean.device());
  const Tensor timesteps =
      stratified_timesteps(editor.objective, static_cast<int>(clean.size(0)), mix_seed(seed, 2));
  const Tensor context = context_of(parts, batch.captions);
  UNetOptions options;
  options.recompute_blocks = editor.checkpoint_blocks;
  const Network network = [&](const Tensor& input, const Tensor& time) {
    return parts.network.unet().forward(at::cat({input, given}, 1), time, context, options);
  };
  return diffusion_loss(editor.objective, network, clean, noise, timesteps);
}

/// The network guided by instruction and picture (Brooks et al. 2023, equation 3). given: unscaled
/// latents [N, C, h, w].
Network guided(const ModelParts& parts, const Tensor& given,
               const std::vector<std::string>& instructions) {
  const std::vector<std::string> nothing(instructions.size());
  const Tensor unsaid = context_of(parts, nothing);
  const Tensor context = at::cat({context_of(parts, instructions), unsaid, unsaid});
  const Tensor seen = at::cat({given, given, at::zeros_like(given)});
  return [=, unet = parts.network.unet()](const Tensor& input, const Tensor& time) {
    const Tensor rows = at::cat({at::cat({input, input, input}), seen}, 1);
    const auto outputs = unet.forward(rows, at::cat({time, time, time}), context).chunk(3);
    return combine_edit(outputs[0], outputs[1], outputs[2], kTextScale, kImageScale);
  };
}

/// What the editor makes of a few pictures; the noise is always the same.
std::vector<Image> edited(const Editor& editor, std::span<const EditPair> pairs) {
  const c10::NoGradGuard no_grad;
  std::vector<Image> given;
  std::vector<std::string> instructions;
  for (const auto& pair : pairs) {
    given.push_back(pair.given);
    instructions.push_back(pair.instruction);
  }
  const ModelParts& parts = editor.parts;
  const auto device = device_of(*parts.autoencoder);
  const Tensor latents = unscaled_latents(*parts.autoencoder, tensor_of(given, device));
  ScheduleConfig schedule = parts.schedule;
  schedule.timestep_spacing = kSpacing;
  const Plan plan = make_plan(schedule, find_sampler(kSampler), kSteps);
  const Tensor noise = normal_numbers(latents.sizes(), 1, device);
  return pictures_of(decoded(
      *parts.autoencoder,
      plan.run(plan.denoiser(guided(parts, latents, instructions)), noise * plan.initial_scale)));
}

std::vector<Image> edited_in_parts(const Editor& editor, std::span<const EditPair> pairs) {
  std::vector<Image> made;
  for (std::size_t first = 0; first < pairs.size(); first += kSampled) {
    const auto count = std::min<std::size_t>(kSampled, pairs.size() - first);
    for (auto& picture : edited(editor, pairs.subspan(first, count)))
      made.push_back(std::move(picture));
  }
  return made;
}

/// The first pairs of a world that `wanted` takes; damaged pictures are passed over.
std::vector<EditPair> first_pairs(const Dataset& world, const EditMix& mix, std::size_t count,
                                  const std::function<bool(const EditPair&)>& wanted) {
  constexpr std::uint64_t kLooked = 20;  // for each that is found: most may be of another kind
  std::vector<EditPair> pairs;
  for (std::uint64_t i = 0; pairs.size() < count && i < kLooked * count; ++i) {
    try {
      if (auto pair = edit_at(world, mix, i); wanted(pair)) pairs.push_back(std::move(pair));
    } catch (const Error&) {
      continue;  // counted where the loss is measured
    }
  }
  return pairs;
}

double mean_psnr(std::span<const EditPair> pairs, std::span<const Image> pictures) {
  constexpr double kEqual = 100;  // where not one value differs
  double sum = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i)
    sum += std::min(kEqual, psnr_db(pictures[i], pairs[i].wanted));
  return sum / static_cast<double>(pairs.size());
}

/// How near restored pictures come to the originals, beside the damaged ones, and beside what the
/// autoencoder lets through at best.
NamedNumbers restoration(const Editor& editor, std::span<const EditPair> pairs) {
  if (pairs.empty()) return {};
  std::vector<Image> given, wanted;
  for (const auto& pair : pairs) {
    given.push_back(pair.given);
    wanted.push_back(pair.wanted);
  }
  const auto& autoencoder = *editor.parts.autoencoder;
  const Tensor pictures = tensor_of(wanted, device_of(autoencoder));
  const auto through = pictures_of(decoded(autoencoder, scaled_latents(autoencoder, pictures)));
  return {{"psnr_given", mean_psnr(pairs, given)},
          {"psnr_edited", mean_psnr(pairs, edited_in_parts(editor, pairs))},
          {"psnr_floor", mean_psnr(pairs, through)}};
}

Panel before_and_after(const Editor& editor, std::span<const EditPair> pairs) {
  const auto made = edited_in_parts(editor, pairs);
  Panel panel;
  panel.columns = 6;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    panel.pictures.insert(panel.pictures.end(), {pairs[i].given, made[i], pairs[i].wanted});
    panel.labels.insert(panel.labels.end(), {"given", pairs[i].instruction, "wanted"});
  }
  return panel;
}

PublishedAs as_editor(const ModelParts& parts, int size_px) {
  return {"StableDiffusionInstructPix2PixPipeline",
          published(parts.schedule),
          {{"width", size_px},
           {"height", size_px},
           {"steps", 20},
           {"guidance_scale", kTextScale},
           {"sampler", kSampler},
           {"spacing", kSpacing}}};
}

}  // namespace

Tensor widened_with_zeros(const Tensor& kernel) {
  return at::cat({kernel, at::zeros_like(kernel)}, 1);
}

Task editing_task(const Recipe& recipe, std::shared_ptr<const Dataset> training,
                  std::shared_ptr<const Dataset> validation, const fs::path& output,
                  torch::Device device) {
  const auto editor = make_editor(recipe, *training, output, device);
  const double allowed = recipe.trainer.max_damaged;
  const auto learned =
      std::make_shared<BatchReader>(edits_of(training, recipe.edits), allowed, device);
  const auto unseen =
      std::make_shared<BatchReader>(edits_of(validation, recipe.edits), allowed, device);
  const auto count = static_cast<std::size_t>(std::min(kRestored, recipe.validation_samples));
  const auto damaged = std::make_shared<const std::vector<EditPair>>(first_pairs(
      *validation, recipe.edits, count, [](const EditPair& pair) { return restores(pair.kind); }));
  Task task;
  task.name = "instruction_editing";
  for (const auto& [name, slot] : editor->parts.network.unet().parameters())
    task.parameters.emplace_back("unet." + name, slot);
  if (recipe.text_encoder_rate > 0)
    for (const auto& [name, slot] : editor->parts.text.parameters())
      task.parameters.emplace_back("text_encoder." + name, slot);
  task.rates = {{"text_encoder.", recipe.text_encoder_rate}};
  task.loss = [=](const Draw& draw) {
    Batch batch = learned->read(draw);
    const Tensor kept = drop_conditions(batch.captions, mix_seed(draw.seed, 0));
    return Loss{loss_of(*editor, batch, kept, draw.seed), {}, std::move(batch.damage)};
  };
  task.validation_loss = [=, samples = recipe.validation_samples] {
    auto loss = mean_loss(*unseen, samples, kValidationBatch, [&](const Batch& batch, int first) {
      const Tensor all = at::ones({batch.pictures.size(0), 1, 1, 1});
      return loss_of(*editor, batch, all, mix_seed(0, static_cast<std::uint64_t>(first)));
    });
    loss.parts = restoration(*editor, *damaged);
    return loss;
  };
  task.validation_panel = [=, mix = recipe.edits] {
    const auto pairs = first_pairs(*validation, mix, kShown, [](const auto&) { return true; });
    return before_and_after(*editor, pairs);
  };
  task.write_result = [=, storage = recipe.storage](const fs::path& to) {
    write_model_parts(editor->parts, as_editor(editor->parts, training->config().size_px), storage,
                      to / "model");
  };
  return task;
}

}  // namespace sumi
