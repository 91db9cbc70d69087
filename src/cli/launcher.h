#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/command.h"

namespace sumi {

/// Whether a training is to be started as several processes, and is not one of them already.
bool starts_several(const TrainCommand& command);

/// Starts this machine's processes of a training, `engine` with `arguments` each, and waits for
/// them; returns the exit code. When one is lost, here or on another machine, all are started again
/// and go on from the last snapshot, up to command.max_restarts times; then throws Error. SIGTERM
/// is passed on; they save and end. None of them outlives this process by more than a save.
int launch(const TrainCommand& command, const std::filesystem::path& engine,
           const std::vector<std::string>& arguments);

}  // namespace sumi
