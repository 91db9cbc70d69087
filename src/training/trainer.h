#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "core/progress.h"
#include "core/runtime.h"
#include "data/loader.h"
#include "training/processes.h"
#include "training/task.h"
#include "training/trainer_config.h"

namespace sumi {

/// What a run will take, measured on a few updates and one validation that are then undone.
struct TrainingForecast {
  double seconds = 0;            ///< of the whole run in this process, with measuring
  std::uint64_t peak_bytes = 0;  ///< highest resident memory
  std::int64_t parameters = 0;
  std::int64_t updates = 0;           ///< still to do
  std::uint64_t weight_bytes = 0;     ///< of the trained weights and their gradients
  std::uint64_t optimiser_bytes = 0;  ///< of the optimiser's moments and the averages
  std::uint64_t disk_bytes = 0;       ///< taken by what trainer.offload puts on disk
  double update_seconds = 0, validation_seconds = 0, save_seconds = 0;
};

/// What a finished run tells.
struct TrainingSummary {
  std::int64_t samples = 0;
  std::int64_t updates = 0;
  std::int64_t skipped = 0;  ///< updates left out for gradients that were not finite
  std::int64_t parameters = 0;
  double validation_loss = 0;
  Damage damage;             ///< training samples left out since the run's start
  Damage validation_damage;  ///< those of the last validation
  int rollbacks = 0;
  bool stopped_early = false;
  double seconds = 0;  ///< in this process
};

/// Told what a run will take before it starts. Where it is empty nothing is measured.
using ForecastSink = std::function<void(const TrainingForecast&)>;

/// Runs a task to its end in `output`: snapshots under `output`/snapshots (from which a second call
/// goes on, bit for bit), log.jsonl, loss.png and loss.svg, validation.png, index.html and
/// tensorboard/ (see run_report.h), and at the end what the task writes. Throws Error when the loss
/// stays non-finite, when too many samples are damaged,
/// when the folder belongs to another task, when the state does not fit into memory, when a batch
/// cannot (told only where `foretold` is there) or when writing fails; saves and throws Cancelled
/// when runtime.cancel asks.
///
/// `together`: the processes that share the run, each calling this with the same arguments; one
/// alone where it is empty. Each computes its part of every update's batches, so that
/// config.accumulation is a multiple of their number. The first one writes; any number can go on
/// from its snapshots. foretold is empty in all or in none.
TrainingSummary run_training(Task& task, const TrainerConfig& config,
                             const std::filesystem::path& output, const Runtime& runtime,
                             const ProgressSink& progress = {}, const ForecastSink& foretold = {},
                             const std::shared_ptr<Processes>& together = {});

}  // namespace sumi
