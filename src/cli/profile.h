#pragma once

#include "cli/command.h"
#include "core/json.h"

namespace sumi {

/// Where the time of Stable Diffusion 1.5 at 512 x 512 goes on this machine: for the U-Net's guided
/// step and the autoencoder's decoding, and for those of the model that comes with Sumi, one row
/// for each shape of layer with its calls, seconds, share and rate. Random weights; the median of
/// `repeats` runs. {network: {"seconds", "layers":
/// [{"kind", "shape", "calls", "seconds", "operations", "in_bytes"}]}}.
Json profile_networks(const BenchCommand& command);

/// The same as tables on stdout.
void print_profile(const Json& profile);

}  // namespace sumi
