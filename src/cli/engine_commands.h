#pragma once

#include "cli/command.h"

namespace sumi {

// The commands that need tensors; only sumi-engine has them. Each prints on stdout and returns the
// exit code.

int run(const GenerateCommand& command);
int run(const ReplayCommand& command);
int run(const ConvertCommand& command);
int run(const TrainCommand& command);
int run(const EvalCommand& command);
int run(const BenchCommand& command);
int run(const TuneCommand& command);

/// The commands over people's own data where they ask for a scorer.
int run_with_scorer(const DataInspectCommand& command);
int run_with_scorer(const DataCurateCommand& command);

/// Versions of the libraries that compute: libtorch, onednn, openblas; whether LibTorch was built
/// with CUDA, and how many GPUs it finds.
Json library_versions();

}  // namespace sumi
