#pragma once

#include "cli/command.h"
#include "pipelines/tuning.h"

namespace sumi {

/// This processor as tunings name it.
std::string tuned_processor();

/// Fills in what `sumi tune` remembered for the request's model and size, where the request and the
/// machine leave it open: threads, precision, pictures at once.
void apply_tuning(GenerateRequest& request, MachineOptions& machine);

}  // namespace sumi
