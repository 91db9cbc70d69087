#pragma once

#include "nn/module.h"

namespace sumi {

/// The parameters of a network whose layers have measured themselves in int8, as a checkpoint keeps
/// them (core/stored_bytes.h): weights of 4096 numbers and more whose layers are accurate as bytes
/// with scales, as the layers themselves would quantise them; all else as it is.
StateDict byte_state(const Module& module);

}  // namespace sumi
