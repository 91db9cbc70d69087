#pragma once

#include "models/clip_text.h"
#include "models/unet.h"
#include "models/vae.h"
#include "weights/checkpoint.h"

namespace sumi {

/// Gives every parameter a value, also those whose training would start at zero: a network for
/// measurements, whose output depends on all of its layers.
void fill_at_random(Module& module);

/// Stable Diffusion 1.5 at full size with random weights in 32-bit numbers.
Checkpoint random_sd15_checkpoint();

}  // namespace sumi
