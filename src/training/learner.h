#pragma once

#include <vector>

#include "training/offload.h"
#include "training/parameter_buffer.h"
#include "training/processes.h"
#include "training/sharded_state.h"
#include "training/shards.h"
#include "training/trainer_config.h"

namespace sumi {

/// Weights that one optimiser moves: their buffer, which process owns which part of it, and what
/// is kept beside them.
struct Learner {
  Learner(const std::vector<NamedSlot>& slots, const std::vector<RateFactor>& rates,
          const TrainerConfig& how, Processes& processes, const Offload& offload = {})
      : config(how),
        parameters(slots, rates, offload.weights),
        shards(shards_of(parameters, processes.count())),
        state(parameters, shards, config, processes, offload.state) {}

  TrainerConfig config;  ///< its optimiser, learning rate and averages are this learner's
  ParameterBuffer parameters;
  std::vector<Shard> shards;
  ShardedState state;
};

}  // namespace sumi
