#include "training/train.h"

#include "core/files.h"
#include "core/tensor.h"
#include "training/autoencoder_task.h"
#include "training/export.h"
#include "training/identification.h"
#include "training/samples.h"
#include "training/scorer.h"
#include "training/text_to_image_task.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr int kJudgedPictures = 1024;

/// What the scorer makes of real pictures that it never saw: OUTPUT/identification.json.
void write_identification(const Dataset& held_back, double max_damaged, const fs::path& output) {
  std::vector<Image> pictures;
  std::vector<std::string> prompts;
  Loader loader(samples_of(held_back), {.batch_size = kJudgedPictures, .max_damaged = max_damaged});
  for (auto& sample : loader.next().samples) {
    pictures.push_back(std::move(sample.picture));
    prompts.push_back(std::move(sample.caption));
  }
  const auto result = identify(open_scorer(output), pictures, prompts);
  write_file(output / "identification.json", to_json(result).dump(2) + "\n");
}

}  // namespace

TrainingSummary train(const Recipe& recipe, const fs::path& output, const Runtime& runtime,
                      const TrainCallbacks& callbacks) {
  check(recipe);
  Runtime placed = runtime;
  if (placed.threads == 0) placed.threads = recipe.threads;
  start_torch(placed);
  make_folder(output);
  write_file(output / "recipe.json", to_json(recipe).dump(2) + "\n");
  const bool scorer = recipe.task == "image_text_scorer";
  const auto training = open_world(recipe.world, scorer ? "scorer" : "train", callbacks.progress);
  const auto validation = open_world(recipe.world, "validation", callbacks.progress);
  Task task = recipe.task == "autoencoder" ? autoencoder_task(recipe, training, validation, output)
              : scorer
                  ? scorer_task(recipe, training, validation, output)
                  : text_to_image_task(recipe, training, validation, output, callbacks.pictures);
  const auto summary =
      run_training(task, recipe.trainer, output, placed, callbacks.progress, callbacks.foretold);
  if (scorer) write_identification(*validation, recipe.trainer.max_damaged, output);
  return summary;
}

}  // namespace sumi
