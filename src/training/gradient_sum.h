#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "training/learner.h"
#include "training/processes.h"
#include "training/task.h"
#include "training/trainer_config.h"

namespace sumi {

/// What the batches of one update came to.
struct UpdateLoss {
  double mean = 0;
  NamedNumbers parts;  ///< of the last batch
  Damage damage;       ///< on the way to all of them
};

/// The gradients of an update's `accumulation` batches, added up over all processes. Each process
/// computes a block of neighbouring batches; `accumulation` is a multiple of their number. The sum
/// is a tree that is cut in halves three times at most, so that 1, 2, 4 and 8 processes come to the
/// same bits.
class GradientSum {
 public:
  /// `learners`: whom the loss has gradients for; they outlive this. `memory`: where sums wait.
  GradientSum(const Task& task, const TrainerConfig& config, const std::vector<Learner*>& learners,
              Processes& processes, const StateMemory& memory = {});

  /// How many sums wait for their other half at a time, each as large as the gradients.
  static std::uint64_t waiting(int accumulation, int processes);

  /// The batches that follow `first` good and `damaged` damaged samples. Afterwards the gradients
  /// of this process's shards are the sum; the rest of the buffers is of no use. In each process:
  /// throws the Error that one process alone would have met.
  UpdateLoss add_up(std::int64_t first, std::uint64_t damaged, std::uint64_t seed);

  /// Computes one batch of `count` in this process alone and forgets it: for measuring.
  void try_batch(int count, std::int64_t first, std::uint64_t damaged);

 private:
  static constexpr int kHalvings = 3;

  /// This process's part of an update.
  struct Block {
    std::int64_t first = 0;      ///< good samples before the update
    std::uint64_t damaged = 0;   ///< damaged ones before the block
    std::uint64_t seed = 0;      ///< of the update
    std::vector<Tensor> totals;  ///< of each batch, where they are computed
    NamedScalars last_parts;     ///< of the last batch
    std::vector<double> losses;  ///< the totals, read
    NamedNumbers parts;          ///< and the parts
    Damage damage;
    std::optional<Error> error;
  };

  /// The gradients of one learner.
  struct Part {
    Tensor gradients;
    std::vector<Range> ranges;             ///< of the shards
    std::array<Tensor, kHalvings> halves;  ///< sums that wait for their other half
  };

  Block computed(std::int64_t first, std::uint64_t damaged, std::uint64_t seed);
  void sum(int batch, int count, int halvings, Block& block);
  void add(int batch, Block& block);
  static void read_losses(Block& block);
  void clear();
  std::vector<double> settled(Block& block, std::uint64_t damaged);
  UpdateLoss joined(Block&& block, const std::vector<double>& losses);

  const Task& task_;
  const TrainerConfig& config_;
  Processes& processes_;
  std::vector<Part> parts_;
  int own_count_;  ///< batches of this process
};

}  // namespace sumi
