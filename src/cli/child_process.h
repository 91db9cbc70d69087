#pragma once

#include <functional>

#include "core/json.h"

namespace sumi {

/// Runs `work` in a forked child and returns what it returns, with the child's peak resident memory
/// added as "peak_memory_bytes". Must be called before this process computes with LibTorch, whose
/// threads a fork does not copy. Throws Error with the child's message when it fails.
Json measure_in_child(const std::function<Json()>& work);

}  // namespace sumi
