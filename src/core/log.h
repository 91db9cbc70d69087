#pragma once

#include <spdlog/spdlog.h>

namespace sumi {

/// Sends log lines to stderr as "level: text"; `verbose` adds debug lines. Called once by main.
void start_log(bool verbose);

}  // namespace sumi
