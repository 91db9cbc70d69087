#pragma once

#include <cstdint>
#include <string>

#include "core/config.h"
#include "training/learning_rate.h"
#include "training/optimiser_config.h"

namespace sumi {

/// How one run goes, whatever its task is.
struct TrainerConfig {
  std::int64_t samples = 100000;
  int batch_size = 32;
  int accumulation = 1;
  std::uint64_t seed = 0;
  LearningRateConfig learning_rate;
  OptimiserConfig optimiser;
  double ema_decay = 0.999;
  std::int64_t log_every = 1000;
  std::int64_t validate_every = 10000;
  std::int64_t save_every = 5000;
  int non_finite_limit = 10;
  int rollback_limit = 3;
  int patience = 0;
  std::int64_t profile_every = 0;
  double result_profile = 0;
  double max_damaged = 0.2;
  std::string precision = "fp32";
  std::string offload = "none";
  std::string offload_folder;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("samples", self.samples, "training samples in all; a last part of a batch is dropped");
    visit("batch_size", self.batch_size, "samples computed together, e.g. 32");
    visit("accumulation", self.accumulation, "batches whose gradients are added before an update");
    visit("seed", self.seed, "start of every random choice");
    visit("learning_rate", self.learning_rate, "the learning rate over the run");
    visit("optimiser", self.optimiser, "the rule that moves the weights");
    visit("ema_decay", self.ema_decay, "memory of the averaged weights per update, 0 to 1");
    visit("log_every", self.log_every, "samples between two lines of the log");
    visit("validate_every", self.validate_every, "samples between two validations");
    visit("save_every", self.save_every, "samples between two snapshots");
    visit("non_finite_limit", self.non_finite_limit,
          "updates in a row skipped for NaN or infinity that send the run back to its last "
          "snapshot, with half the learning rate and other noise");
    visit("rollback_limit", self.rollback_limit, "times the run may go back before it gives up");
    visit("patience", self.patience,
          "validations in a row without a better loss that end the run early; 0: none do");
    visit("profile_every", self.profile_every,
          "samples between two files of averaged weights (averages/) from which averages of any "
          "length can be made afterwards; 0: none are written");
    visit("result_profile", self.result_profile,
          "length of the average that is written in the end, as a share of the run (EDM2's "
          "sigma_rel, 0.01 to 0.25), made from those files; 0: the plain average of ema_decay");
    visit("max_damaged", self.max_damaged,
          "share of damaged samples, 0 to 1, above which the run stops; 16 never are too many");
    visit("precision", self.precision,
          "fp32, or bf16: products of matrices and kernels in bfloat16; weights, gradients, norms "
          "and losses stay fp32. For GPUs and processors with bf16 units");
    visit("offload", self.offload,
          "what lies on disk where memory is short, and comes layer by layer: none, optimiser (its "
          "moments and the averaged weights) or all (weights and gradients too). The result is the "
          "same bytes; can be changed in the middle of a run");
    visit("offload_folder", self.offload_folder,
          "a folder on the disk for that, relative to the output folder, best on a fast disk of "
          "this machine; empty: the output folder. Nothing is left there");
  }
};

/// Throws Error naming the field when a number makes no sense.
void check(const TrainerConfig& config);

/// Throws Error when the batches of an update cannot be shared by so many processes.
void check_shared(const TrainerConfig& config, int processes);

}  // namespace sumi
