#include "training/scorer.h"

#include <c10/core/GradMode.h>

#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "core/sent_to.h"
#include "nn/in_place.h"
#include "training/export.h"
#include "training/prompts.h"
#include "training/randomness.h"
#include "training/samples.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr int kGroups = 8;
constexpr double kEpsilon = 1e-5;
constexpr double kFirstSharpness = 1 / 0.07;  // CLIP's start
constexpr double kHighestSharpness = 100;
constexpr int kValidationBatch = 64;
constexpr const char* kWeights = "model.safetensors";

Tensor unit_length(const Tensor& vectors) {
  return vectors / vectors.norm(2, -1, /*keepdim=*/true).clamp_min(1e-6);
}

Tensor pairs_loss(const ImageTextScorer& scorer, const ClipTokenizer& tokenizer,
                  const Batch& batch) {
  return contrastive_loss(
      scorer.picture_vectors(batch.pictures),
      scorer.prompt_vectors(sent_to(batch.pictures.device(), ids_of(batch.captions, tokenizer))),
      scorer.sharpness());
}

}  // namespace

ImageTextScorer::ImageTextScorer(const ImageTowerConfig& image, const ClipTextConfig& text)
    : image_(image),
      conv_in_(add("picture.conv_in", Conv2d(3, image.channels.front(), {.stride = 2}))),
      norm_(add("picture.norm", GroupNorm(kGroups, image.channels.back(), kEpsilon))),
      picture_projection_(
          add("picture.projection", Linear(image.channels.back(), image.embedding))),
      text_(add("prompt", ClipTextModel(text))),
      prompt_projection_(add("prompt.projection", Linear(text.hidden_size, image.embedding))),
      log_sharpness_(parameter("log_sharpness", {1}, Init::constant(std::log(kFirstSharpness)))) {
  for (std::size_t i = 0; i < image.channels.size(); ++i) {
    const int in = image.channels[i == 0 ? 0 : i - 1], out = image.channels[i];
    blocks_.push_back(
        add(fmt::format("picture.blocks.{}", i), ResnetBlock(in, out, kGroups, kEpsilon)));
    if (i + 1 < image.channels.size())
      halvings_.push_back(
          add(fmt::format("picture.halvings.{}", i), Conv2d(out, out, {.stride = 2})));
  }
}

/// One level further: what the level before made of a picture, halved, through the next block.
Tensor ImageTextScorer::level(std::size_t i, Tensor x) const {
  if (i > 0) x = halvings_[i - 1].forward(x);
  return blocks_[i].forward(std::move(x));
}

std::vector<Tensor> ImageTextScorer::picture_levels(const Tensor& pictures) const {
  std::vector<Tensor> levels;
  for (std::size_t i = 0; i < blocks_.size(); ++i)
    levels.push_back(level(i, i == 0 ? conv_in_.forward(pictures) : levels.back()));
  return levels;
}

Tensor ImageTextScorer::picture_features(const Tensor& pictures) const {
  Tensor x = conv_in_.forward(pictures);
  for (std::size_t i = 0; i < blocks_.size(); ++i) x = level(i, std::move(x));
  return silu(norm_.forward(x)).mean({2, 3});
}

Tensor ImageTextScorer::vectors_of(const Tensor& features) const {
  return unit_length(picture_projection_.forward(features));
}

Tensor ImageTextScorer::prompt_vectors(const Tensor& ids) const {
  return unit_length(prompt_projection_.forward(text_.forward(ids).pooled));
}

Tensor ImageTextScorer::sharpness() const {
  return log_sharpness_->value.exp().clamp_max(kHighestSharpness);
}

Tensor contrastive_loss(const Tensor& pictures, const Tensor& prompts, const Tensor& sharpness) {
  const Tensor scores = sharpness * at::matmul(pictures, prompts.t());
  const Tensor own_by_picture = at::log_softmax(scores, 1).diagonal();
  const Tensor own_by_prompt = at::log_softmax(scores, 0).diagonal();
  return -0.5 * (own_by_picture + own_by_prompt).mean();
}

Task scorer_task(const Recipe& recipe, std::shared_ptr<const Dataset> training,
                 std::shared_ptr<const Dataset> validation, const fs::path& output,
                 torch::Device device) {
  const auto tokenizer =
      learned_tokenizer(recipe.tokenizer, *training, output / "model" / "tokenizer");
  const auto scorer =
      std::make_shared<ImageTextScorer>(recipe.image_tower, fitted(recipe.text_encoder, tokenizer));
  initialise(*scorer, recipe.trainer.seed);
  place(*scorer, device);
  const double allowed = recipe.trainer.max_damaged;
  const auto learned = std::make_shared<BatchReader>(training, allowed, device);
  const auto unseen = std::make_shared<BatchReader>(validation, allowed, device);
  Task task;
  task.name = "image_text_scorer";
  task.parameters = scorer->parameters();
  task.loss = [=](const Draw& draw) {
    Batch batch = learned->read(draw);
    return Loss{pairs_loss(*scorer, tokenizer, batch), {}, std::move(batch.damage)};
  };
  task.validation_loss = [=, samples = recipe.validation_samples] {
    return mean_loss(*unseen, samples, kValidationBatch, [&](const Batch& batch, int) {
      return pairs_loss(*scorer, tokenizer, batch);
    });
  };
  task.write_result = [=, storage = recipe.storage](const fs::path& to) {
    const Json config = {{"size_px", training->config().size_px},
                         {"image_tower", to_json(scorer->image_config())},
                         {"text_encoder", to_json(scorer->text_config())}};
    write_component(to / "model", kWeights, *scorer, config, storage);
  };
  return task;
}

OpenedScorer open_scorer(const fs::path& folder) {
  const fs::path model = fs::exists(folder / "model") ? folder / "model" : folder;
  const fs::path file = model / "config.json";
  const Json json = read_json(file);
  if (!json.contains("image_tower") || !json.contains("text_encoder"))
    throw Error(fmt::format("{}: this is no image-text scorer", file.string()),
                "train one with recipes/default/scorer.json");
  if (json.contains("size_px") && !json["size_px"].is_number_integer())
    throw Error(fmt::format("{}: size_px is no whole number", file.string()),
                "train the scorer again, or take the line out");
  ImageTowerConfig image;
  ClipTextConfig text;
  from_json(json["image_tower"], image, file.string() + ".image_tower");
  from_json(json["text_encoder"], text, file.string() + ".text_encoder");
  OpenedScorer opened{ImageTextScorer(image, text), ClipTokenizer::from_folder(model / "tokenizer"),
                      json.value("size_px", 0)};
  read_component(model, kWeights, opened.scorer);
  return opened;
}

}  // namespace sumi
