#include "training/train.h"

#include "core/files.h"
#include "core/tensor.h"
#include "training/autoencoder_task.h"
#include "training/export.h"
#include "training/samples.h"
#include "training/text_to_image_task.h"

namespace sumi {
namespace fs = std::filesystem;

TrainingSummary train(const Recipe& recipe, const fs::path& output, const Runtime& runtime,
                      const TrainCallbacks& callbacks) {
  check(recipe);
  Runtime placed = runtime;
  if (placed.threads == 0) placed.threads = recipe.threads;
  start_torch(placed);
  make_folder(output);
  write_file(output / "recipe.json", to_json(recipe).dump(2) + "\n");
  const auto training = open_world(recipe.world, "train", callbacks.progress);
  const auto validation = open_world(recipe.world, "validation", callbacks.progress);
  Task task = recipe.task == "autoencoder"
                  ? autoencoder_task(recipe, training, validation)
                  : text_to_image_task(recipe, training, validation, output, callbacks.pictures);
  return run_training(task, recipe.trainer, output, placed, callbacks.progress);
}

}  // namespace sumi
