#pragma once

#include "cli/command.h"
#include "core/json.h"

namespace sumi {

/// Training steps on --device with products in bfloat16 (forward, backward, AdamW) as a share of
/// the rate at which that device multiplies large bfloat16 matrices, counting three forward passes'
/// operations a step. On the processor the U-Net that comes with Sumi and the transformer of
/// recipes/default; on a GPU ones that can keep it busy: Stable Diffusion 1.5's U-Net at 64 x 64
/// latents, and a transformer of 24 blocks 1024 wide at 32 x 32.
Json measure_unet_share(const BenchCommand& command);
Json measure_transformer_share(const BenchCommand& command);

/// Whether --device is the processor.
bool on_processor(const BenchCommand& command);

}  // namespace sumi
