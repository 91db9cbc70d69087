#pragma once

#include <cstdint>
#include <filesystem>

#include "core/config.h"
#include "core/progress.h"
#include "core/runtime.h"
#include "data/loader.h"
#include "training/learning_rate.h"
#include "training/optimiser.h"
#include "training/task.h"

namespace sumi {

/// How one run goes, whatever its task is.
struct TrainerConfig {
  std::int64_t samples = 100000;
  int batch_size = 32;
  int accumulation = 1;
  std::uint64_t seed = 0;
  LearningRateConfig learning_rate;
  AdamWConfig optimiser;
  double ema_decay = 0.999;
  std::int64_t log_every = 1000;
  std::int64_t validate_every = 10000;
  std::int64_t save_every = 5000;
  int non_finite_limit = 10;
  double max_damaged = 0.2;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("samples", self.samples, "training samples in all; a last part of a batch is dropped");
    visit("batch_size", self.batch_size, "samples computed together, e.g. 32");
    visit("accumulation", self.accumulation, "batches whose gradients are added before an update");
    visit("seed", self.seed, "start of every random choice");
    visit("learning_rate", self.learning_rate, "the learning rate over the run");
    visit("optimiser", self.optimiser, "AdamW");
    visit("ema_decay", self.ema_decay, "memory of the averaged weights per update, 0 to 1");
    visit("log_every", self.log_every, "samples between two lines of the log");
    visit("validate_every", self.validate_every, "samples between two validations");
    visit("save_every", self.save_every, "samples between two snapshots");
    visit("non_finite_limit", self.non_finite_limit,
          "updates in a row that may be skipped for NaN or infinity");
    visit("max_damaged", self.max_damaged,
          "share of damaged samples, 0 to 1, above which the run stops; 16 never are too many");
  }
};

/// Throws Error naming the field when a number makes no sense.
void check(const TrainerConfig& config);

/// What a finished run tells.
struct TrainingSummary {
  std::int64_t samples = 0;
  std::int64_t updates = 0;
  std::int64_t skipped = 0;  ///< updates left out for gradients that were not finite
  std::int64_t parameters = 0;
  double validation_loss = 0;
  Damage damage;             ///< training samples left out since the run's start
  Damage validation_damage;  ///< those of the last validation
  double seconds = 0;        ///< in this process
};

/// Runs a task to its end in `output`: snapshots under `output`/snapshots (from which a second call
/// goes on, bit for bit), log.jsonl, loss.png and loss.svg, validation.png, and at the end what the
/// task writes. Throws Error when the loss stays non-finite, when too many samples are damaged,
/// when the folder belongs to another task or when writing fails; saves and throws Cancelled when
/// runtime.cancel asks.
TrainingSummary run_training(Task& task, const TrainerConfig& config,
                             const std::filesystem::path& output, const Runtime& runtime,
                             const ProgressSink& progress = {});

}  // namespace sumi
