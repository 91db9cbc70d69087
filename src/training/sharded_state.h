#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "core/json.h"
#include "training/optimiser.h"
#include "training/power_average.h"
#include "training/processes.h"
#include "training/shards.h"
#include "training/trainer_config.h"

namespace sumi {

/// What a run keeps beside the weights: the optimiser's moments and the averaged weights. Each
/// process keeps and updates those of its own shard; to snapshots they are whole. All but the
/// plain questions are collectives of the run's processes.
class ShardedState {
 public:
  ShardedState(ParameterBuffer& parameters, const std::vector<Shard>& shards,
               const TrainerConfig& config, Processes& processes, const StateMemory& memory = {});
  ShardedState(const ShardedState&) = delete;
  ShardedState& operator=(const ShardedState&) = delete;

  /// Length of the gradient over all shards, each of which holds its own part. Not finite where an
  /// element is not.
  double gradient_norm();
  /// Moves the weights, everywhere, and the averages after them. `update` counts from 1.
  void step(double rate, double gradient_scale, std::int64_t update);

  /// All that a snapshot keeps in full, at the first process (tensors of the weights' device share
  /// memory where there is one process); nothing elsewhere.
  StateDict gathered();
  Json numbers() const { return optimiser_.numbers(); }
  /// Takes over what gathered() gave at the first process, everywhere. Throws Error for what is
  /// missing or of another size.
  void restore(const StateDict& tensors, const Json& numbers, const std::filesystem::path& where);

  /// The averaged weights, whole, at the first process; undefined elsewhere. With an ema_decay of 0
  /// the weights themselves.
  Tensor whole_average() {
    return processes_.joined_at_first(average_.defined() ? average_ : weights_);
  }
  /// Writes the averages of EDM2, where they are kept.
  void store_profiles(const std::filesystem::path& folder, std::int64_t samples,
                      std::int64_t updates);

  std::int64_t optimiser_bytes() const { return optimiser_.bytes(); }
  std::int64_t average_bytes() const;

 private:
  StateDict tensors();
  double total(const std::vector<double>& own);

  ParameterBuffer& parameters_;
  const TrainerConfig& config_;
  Processes& processes_;
  Shard shard_;
  std::int64_t first_tensor_ = 0;  ///< of the shard, counted over all
  std::vector<Range> ranges_;
  Tensor weights_, gradients_;  ///< of the shard
  Optimiser optimiser_;
  Tensor average_;  ///< undefined where ema_decay is 0
  std::optional<PowerAverages> profiles_;
};

}  // namespace sumi
