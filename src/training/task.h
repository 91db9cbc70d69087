#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor.h"
#include "data/loader.h"
#include "media/image.h"
#include "training/learning_rate.h"
#include "training/optimiser_config.h"
#include "training/parameter_buffer.h"

namespace sumi {

/// Which samples one of several processes reads: `block` neighbours out of every `stride`. `offset`
/// of its block come before a draw.
struct SampleShare {
  std::int64_t block = 0, stride = 0, offset = 0;
};

/// Which samples a loss is computed on: the next `count` of an endless, shuffled stream after
/// `first` good and `damaged` damaged ones. `seed` is for everything else that is random in that
/// step. `share` foretells the draws to come, for reading ahead; it changes no result.
struct Draw {
  std::int64_t first = 0;
  int count = 0;
  std::uint64_t seed = 0;
  std::uint64_t damaged = 0;
  SampleShare share = {};
};

/// Numbers by name, for the log.
using NamedNumbers = std::vector<std::pair<std::string, double>>;
/// The same as scalars on the device that computes them, which nobody waits for.
using NamedScalars = std::vector<std::pair<std::string, Tensor>>;

/// A loss to descend (a scalar with a graph), its parts, for the log, and the damaged samples that
/// were passed over for it.
struct Loss {
  Tensor total;
  NamedScalars parts;  ///< without graphs; read when the update's batches are all computed
  Damage damage = {};
};

/// How well a task does on what it never learned from; lower is better.
struct ValidationLoss {
  double value = 0;
  Damage damage = {};
  NamedNumbers parts = {};  ///< what else it found; "validation_NAME" in the log
};

/// Pictures with the lines written below them on the contact sheet.
struct Panel {
  std::vector<Image> pictures;
  std::vector<std::string> labels;
  int columns = 0;  ///< 0: nearly square
};

/// Weights that learn against the task's own from the same loss, by a rule and a rate of their own:
/// a discriminator. They are part of every snapshot, never of an average. An update that has no
/// gradient for any of them leaves them, and their rule, as they were.
struct Adversary {
  std::vector<NamedSlot> parameters;
  OptimiserConfig optimiser;
  LearningRateConfig learning_rate;
};

/// A training method as a value: what is trainable, what a batch's loss is, how it is judged and
/// what is written in the end. The trainer knows nothing else about it.
struct Task {
  std::string name;
  std::vector<NamedSlot> parameters;   ///< the slots outlive the run
  std::vector<RateFactor> rates = {};  ///< of names that learn at another rate
  std::optional<Adversary> adversary = {};
  std::function<Loss(const Draw&)> loss;  ///< the same Draw gives the same bits
  /// What the loss depends on beside the trained weights (a target that follows them): part of
  /// every snapshot. Only `after_update` changes it, alike in every process of a run.
  std::vector<NamedSlot> kept = {};
  std::function<void(std::int64_t update)> after_update = {};  ///< counts from 1
  std::function<ValidationLoss()> validation_loss;             ///< on fixed data and noise
  std::function<Panel()> validation_panel;                     ///< may be empty
  /// What the folder keeps of how the run was asked for; called once its snapshots are known to
  /// fit.
  std::function<void(const std::filesystem::path& folder)> write_start = {};
  std::function<void(const std::filesystem::path& folder)> write_result;  ///< with averaged weights
};

}  // namespace sumi
