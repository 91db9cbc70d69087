#pragma once

#include "pipelines/model_set.h"

namespace sumi {

/// Shows the U-Net the first step of a picture of its own size, so that each of its layers measures
/// itself in int8 as it would when drawing. Throws Error where this processor multiplies no bytes
/// at full speed, since then nothing is measured.
void measure_layers(ModelSet& models);

}  // namespace sumi
