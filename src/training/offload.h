#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "training/parameter_buffer.h"
#include "training/state_memory.h"
#include "training/trainer_config.h"

namespace sumi {

/// What the state of a training takes in one process, in bytes.
struct StateBytes {
  std::uint64_t weights = 0, gradients = 0;
  std::uint64_t moments = 0;   ///< of the optimiser, those that can lie on disk
  std::uint64_t kept = 0;      ///< and its small ones, always in memory
  std::uint64_t averages = 0;  ///< of the weights
  std::uint64_t waiting = 0;   ///< sums of gradients that wait for others

  std::uint64_t all() const { return weights + gradients + moments + kept + averages + waiting; }
  /// What `offload` ("none", "optimiser" or "all") puts on disk.
  std::uint64_t on_disk(const std::string& offload) const;

  StateBytes& operator+=(const StateBytes& other);
};

/// Of one learner's tensors. Of several `processes` each keeps the moments and averages of its
/// shard: at most its part of the whole and one tensor more.
StateBytes state_bytes(const std::vector<NamedSlot>& slots, const TrainerConfig& config,
                       int processes = 1);

/// Throws Error when what stays in memory is more than the `available` bytes (0: unknown), with the
/// settings that take less.
void require_state_fits(const StateBytes& state, const TrainerConfig& config,
                        std::uint64_t available);

/// Where a run's tensors lie.
struct Offload {
  StateMemory weights;  ///< and gradients
  StateMemory state;    ///< moments, averages and waiting sums
};

/// As config.offload says, on the disk of config.offload_folder or else of `output`: the space for
/// all of `state` is taken there at once. Throws Error where that fails, and where nothing of the
/// state could lie on disk.
Offload offload_of(const StateBytes& state, const TrainerConfig& config,
                   const std::filesystem::path& output);

}  // namespace sumi
