#pragma once

#include <string>

namespace sumi {

/// How a process ends when another one of its run was lost: whoever started it may start all again.
inline constexpr int kExitLost = 75;

/// Where a process stands among those that train one model together, in torchrun's terms.
struct ProcessPlace {
  int rank = 0;        ///< 0 to count - 1; the first writes what a run leaves
  int count = 1;       ///< processes on all machines
  int local_rank = 0;  ///< among those of this machine; the number of its GPU
  int local_count = 1;
  std::string master;      ///< name or address of the first process's machine
  int port = 0;            ///< where the first process listens for the others
  double timeout_s = 600;  ///< a process that is silent for longer counts as lost
};

/// Whether the environment says that this process is one of several (WORLD_SIZE is set).
bool is_placed_by_environment();

/// The place that RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT and
/// SUMI_RANK_TIMEOUT (seconds) give; one process alone where WORLD_SIZE is not set. The local two
/// and the timeout may be missing. Throws Error naming the variable that is missing or makes no
/// sense.
ProcessPlace place_from_environment();

}  // namespace sumi
