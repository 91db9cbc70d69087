#include "training/train.h"

#include "core/error.h"
#include "core/files.h"
#include "core/tensor.h"
#include "core/torch_version.h"
#include "core/unfinished_files.h"
#include "data/provenance.h"
#include "training/autoencoder_task.h"
#include "training/distillation_task.h"
#include "training/editing_task.h"
#include "training/export.h"
#include "training/identification.h"
#include "training/model_card.h"
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

Task make_task(const Recipe& recipe, const std::shared_ptr<const Dataset>& training,
               const std::shared_ptr<const Dataset>& validation, const fs::path& output,
               torch::Device device, const PictureMaker& pictures) {
  if (recipe.task == "autoencoder")
    return autoencoder_task(recipe, training, validation, output, device);
  if (recipe.task == "image_text_scorer")
    return scorer_task(recipe, training, validation, output, device);
  if (recipe.task == "instruction_editing")
    return editing_task(recipe, training, validation, output, device);
  if (recipe.task == "distillation")
    return distillation_task(recipe, training, validation, output, device);
  return text_to_image_task(recipe, training, validation, output, device, pictures);
}

/// The first process of each machine before its others: what it fetches and caches they find.
void in_turn(Processes& processes, const std::function<void()>& work) {
  const bool leads = processes.place().local_rank == 0;
  for (const bool turn : {true, false})
    processes.together([&] {
      if (leads == turn) work();
    });
}

}  // namespace

TrainingSummary train(const Recipe& recipe, const fs::path& output, const Runtime& runtime,
                      const TrainCallbacks& callbacks) {
  check(recipe);
  Runtime placed = runtime;
  if (placed.threads == 0) placed.threads = recipe.threads;
  const torch::Device device = start_torch(placed);
  if (device.is_cuda()) compute_repeatably();
  make_folder(output);
  const auto processes = callbacks.processes ? callbacks.processes : std::make_shared<Processes>();
  processes->at_first([&] {
    check_shared(recipe.trainer, processes->count());
    remove_unfinished_files(output);
  });
  const bool scorer = recipe.task == "image_text_scorer";
  Task task;
  std::shared_ptr<const Dataset> training, validation;
  in_turn(*processes, [&] {
    training = open_world(recipe.world, scorer ? "scorer" : "train", callbacks.progress);
    validation = open_world(recipe.world, "validation", callbacks.progress);
    task = make_task(recipe, training, validation, output, device, callbacks.pictures);
    task.write_start = [&](const fs::path& to) {
      write_file(to / "recipe.json", written(recipe).dump(2) + "\n");
    };
    task.write_result = [=, write = task.write_result,
                         data = provenance_of(*training)](const fs::path& to) {
      write(to);
      describe_model(to / "model", recipe, data);
    };
  });
  const auto summary = run_training(task, recipe.trainer, output, placed, callbacks.progress,
                                    callbacks.foretold, processes);
  processes->at_first([&] {
    if (scorer) write_identification(*validation, recipe.trainer.max_damaged, output);
  });
  return summary;
}

}  // namespace sumi
