#include "training/autoencoder_task.h"

#include <c10/core/GradMode.h>

#include <array>

#include "core/error.h"
#include "training/autoencoder_loss.h"
#include "training/export.h"
#include "training/picture_tensor.h"
#include "training/randomness.h"
#include "training/samples.h"
#include "weights/state_dict.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr int kValidationBatch = 16;
constexpr int kShownPairs = 16;
constexpr int kScaleSamples = 512;  // pictures whose latents fix the scaling factor
constexpr const char* kLastKernel = "decoder.conv_out.weight";

std::shared_ptr<AutoencoderKL> new_autoencoder(const Recipe& recipe, const fs::path& output,
                                               torch::Device device) {
  const bool goes_on = !recipe.init_from.empty();
  auto model = goes_on ? open_autoencoder(output / recipe.init_from)
                       : std::make_shared<AutoencoderKL>(recipe.vae);
  if (!goes_on) initialise(*model, recipe.trainer.seed);
  place(*model, device);
  return model;
}

Tensor reconstructed(const AutoencoderKL& model, const Batch& batch) {
  return model.decode(mean_of_moments(model.encode_moments(batch.pictures)));
}

/// Original beside reconstruction, sixteen times.
Panel pairs(const AutoencoderKL& model, BatchReader& world) {
  const Batch batch = world.read({.first = 0, .count = kShownPairs});
  const Tensor made = reconstructed(model, batch);
  const auto originals = pictures_of(batch.pictures), copies = pictures_of(made);
  Panel panel;
  panel.columns = 8;
  for (std::size_t i = 0; i < originals.size(); ++i)
    for (const auto* picture : {&originals[i], &copies[i]}) {
      panel.pictures.push_back(*picture);
      panel.labels.push_back(picture == &originals[i] ? "original" : "through the autoencoder");
    }
  return panel;
}

/// Standard deviation of the latents about their mean, over many pictures.
double latent_deviation(const AutoencoderKL& model, BatchReader& world) {
  std::vector<Tensor> latents;
  world.visit(kScaleSamples, kValidationBatch, [&](const Batch& batch, int) {
    latents.push_back(mean_of_moments(model.encode_moments(batch.pictures)).flatten());
  });
  return at::cat(latents).to(torch::kDouble).std().item<double>();
}

/// AdamW with the moments' memories of VQGAN (Esser et al. 2021); the rate has the shape of the
/// model's.
Adversary adversary_of(const PatchDiscriminator& discriminator, const Recipe& recipe) {
  Adversary adversary;
  adversary.parameters = discriminator.parameters();
  adversary.optimiser.beta1 = 0.5;
  adversary.optimiser.beta2 = 0.9;
  adversary.learning_rate = recipe.trainer.learning_rate;
  adversary.learning_rate.peak = recipe.autoencoder_loss.adversarial.learning_rate;
  return adversary;
}

const Tensor* slot_of(const Module& module, const std::string& wanted) {
  for (const auto& [name, slot] : module.parameters())
    if (name == wanted) return slot;
  throw Error(fmt::format("{}: the model has no such weights", wanted));
}

/// The loss on pictures that nothing was learned from, its parts averaged.
ValidationLoss judged(const AutoencoderKL& model, const AutoencoderJudges& judges,
                      BatchReader& world, int samples) {
  NamedScalars sums;
  double made_detail = 0, real_detail = 0;
  int batches = 0;
  auto loss = mean_loss(world, samples, kValidationBatch, [&](const Batch& batch, int) {
    const Tensor made = reconstructed(model, batch);
    made_detail += gradient_magnitude(made);
    real_detail += gradient_magnitude(batch.pictures);
    NamedScalars parts;
    Tensor error = error_of(judges, made, batch.pictures, parts);
    if (batches++ == 0)
      sums = parts;
    else
      for (std::size_t i = 0; i < parts.size(); ++i)
        sums[i].second = sums[i].second + parts[i].second;
    return error;
  });
  for (const auto& [name, sum] : sums) loss.parts.emplace_back(name, sum.item<double>() / batches);
  if (real_detail > 0) loss.parts.emplace_back("sharpness", made_detail / real_detail);
  return loss;
}

}  // namespace

std::shared_ptr<AutoencoderKL> open_autoencoder(const fs::path& folder) {
  for (const fs::path& candidate : {folder / "model" / "vae", folder / "vae", folder}) {
    const fs::path weights = candidate / "diffusion_pytorch_model.safetensors";
    if (!fs::exists(weights)) continue;
    const fs::path file = candidate / "config.json";
    const auto config = read_model_config<VaeConfig>(read_json(file), file.string());
    auto model = std::make_shared<AutoencoderKL>(config);
    bind(*model, load_state_dict(weights), weights.string());
    return model;
  }
  throw Error(fmt::format("{}: no trained autoencoder is there", folder.string()),
              "train one first (recipes/default/autoencoder.json), or name its output folder");
}

Task autoencoder_task(const Recipe& recipe, std::shared_ptr<const Dataset> training,
                      std::shared_ptr<const Dataset> validation, const fs::path& output,
                      torch::Device device) {
  const auto model = new_autoencoder(recipe, output, device);
  const double allowed = recipe.trainer.max_damaged;
  const auto learned = std::make_shared<BatchReader>(training, allowed, device);
  const auto unseen = std::make_shared<BatchReader>(validation, allowed, device);
  const auto judges = std::make_shared<const AutoencoderJudges>(
      judges_of(recipe.autoencoder_loss, output / recipe.scorer, recipe.trainer.seed, device));
  const Tensor* last_kernel = slot_of(*model, kLastKernel);
  Task task;
  task.name = "autoencoder";
  task.parameters = model->parameters();
  if (judges->discriminator) task.adversary = adversary_of(*judges->discriminator, recipe);
  task.loss = [=](const Draw& draw) {
    Batch batch = learned->read(draw);
    const Tensor moments = model->encode_moments(batch.pictures);
    const std::int64_t channels = moments.size(1) / 2;
    const Tensor noise = normal_numbers(
        {moments.size(0), channels, moments.size(2), moments.size(3)}, draw.seed, moments.device());
    const Tensor made = model->decode(sample_moments(moments, noise));
    const Tensor kl = kl_loss(moments);
    Loss loss;
    loss.parts = {{"kl", kl.detach()}};
    const Tensor error = error_of(*judges, made, batch.pictures, loss.parts);
    loss.total = error + judges->weights.kl * kl;
    if (judges->discriminator)
      loss.total = loss.total + adversarial_loss(*judges, made, batch.pictures, error, *last_kernel,
                                                 draw.first, loss.parts);
    loss.damage = std::move(batch.damage);
    return loss;
  };
  task.validation_loss = [=, samples = recipe.validation_samples] {
    return judged(*model, *judges, *unseen, samples);
  };
  task.validation_panel = [=] { return pairs(*model, *unseen); };
  task.write_result = [=, storage = recipe.storage](const fs::path& to) {
    VaeConfig config = model->config();
    config.sample_size = training->config().size_px;
    config.scaling_factor = 1 / latent_deviation(*model, *learned);
    write_component(to / "model" / "vae", "diffusion_pytorch_model.safetensors", *model,
                    published(config), storage);
  };
  return task;
}

}  // namespace sumi
