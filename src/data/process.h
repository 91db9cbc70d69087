#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sumi {

/// How a child process ended.
struct ProgramResult {
  int exit_code = 0;   ///< 128 + signal when a signal ended it
  std::string output;  ///< the last 16 KiB of stdout and stderr together
};

/// Runs a program found through PATH, without a shell: `arguments[0]` is its name, the others are
/// passed as they are. Its input is empty. Throws Error when it cannot be started.
ProgramResult run_program(const std::vector<std::string>& arguments,
                          const std::filesystem::path& working_directory);

}  // namespace sumi
