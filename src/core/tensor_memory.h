#pragma once

#include "core/arena.h"

namespace sumi {

/// From now on tensors on the CPU from 64 KiB on lie in one Arena, smaller ones where malloc puts
/// them. Does nothing the second time, and nothing in builds with a sanitizer, which watches
/// malloc. Called by start_torch().
void use_tensor_arena();

/// What tensors in the arena take; zero before use_tensor_arena().
Arena::Usage tensor_memory();
/// From now on their peak counts anew.
void reset_tensor_peak();

/// Gives memory that nothing uses back to the system: the arena's gaps and what malloc kept. Called
/// between parts of a work that use different memory, not within one.
void return_freed_memory();

}  // namespace sumi
