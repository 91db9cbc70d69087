#include "training/autoencoder_task.h"

#include <c10/core/GradMode.h>

#include <array>
#include <cmath>

#include "core/error.h"
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

/// sqrt(x² + e²) - e: as |x|, but smooth at zero.
Tensor charbonnier(const Tensor& difference) {
  constexpr double kEpsilon = 1e-2;
  return ((difference * difference + kEpsilon * kEpsilon).sqrt() - kEpsilon).mean();
}

/// The error of the differences between neighbours, along both axes.
Tensor edge_error(const Tensor& difference) {
  const auto along = [&](std::int64_t axis) {
    const std::int64_t length = difference.size(axis) - 1;
    return charbonnier(difference.narrow(axis, 1, length) - difference.narrow(axis, 0, length));
  };
  return along(2) + along(3);
}

std::shared_ptr<AutoencoderKL> new_autoencoder(const Recipe& recipe, const fs::path& output) {
  if (!recipe.init_from.empty()) return open_autoencoder(output / recipe.init_from);
  auto model = std::make_shared<AutoencoderKL>(recipe.vae);
  initialise(*model, recipe.trainer.seed);
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

}  // namespace

Tensor reconstruction_loss(const Tensor& made, const Tensor& wanted,
                           const AutoencoderLossConfig& weights) {
  Tensor difference = made - wanted;
  Tensor loss =
      weights.absolute * charbonnier(difference) + weights.squared * difference.square().mean();
  for (int scale = 0; weights.edges > 0 && scale < 3; ++scale) {
    if (scale > 0) difference = at::avg_pool2d(difference, {2, 2});
    loss = loss + weights.edges * edge_error(difference);
  }
  return loss;
}

Tensor kl_loss(const Tensor& moments) {
  const auto halves = moments.chunk(2, 1);
  const Tensor log_variance = halves[1].clamp(-30, 20);
  return 0.5 * (halves[0].square() + log_variance.exp() - 1 - log_variance).mean();
}

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
                      std::shared_ptr<const Dataset> validation, const fs::path& output) {
  const auto model = new_autoencoder(recipe, output);
  const double allowed = recipe.trainer.max_damaged;
  const auto learned = std::make_shared<BatchReader>(training, allowed);
  const auto unseen = std::make_shared<BatchReader>(validation, allowed);
  const auto weights = recipe.autoencoder_loss;
  Task task;
  task.name = "autoencoder";
  task.parameters = model->parameters();
  task.loss = [=](const Draw& draw) {
    Batch batch = learned->read(draw);
    const Tensor moments = model->encode_moments(batch.pictures);
    const std::int64_t channels = moments.size(1) / 2;
    const Tensor noise = at::randn({moments.size(0), channels, moments.size(2), moments.size(3)},
                                   generator_of(draw.seed), torch::TensorOptions());
    const Tensor made = model->decode(sample_moments(moments, noise));
    const Tensor error = reconstruction_loss(made, batch.pictures, weights);
    const Tensor kl = kl_loss(moments);
    return Loss{error + weights.kl * kl,
                {{"error", error.item<double>()}, {"kl", kl.item<double>()}},
                std::move(batch.damage)};
  };
  task.validation_loss = [=, samples = recipe.validation_samples] {
    return mean_loss(*unseen, samples, kValidationBatch, [&](const Batch& batch, int) {
      return reconstruction_loss(reconstructed(*model, batch), batch.pictures, weights);
    });
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
