#pragma once

#include "models/cost.h"
#include "models/mmdit_config.h"

namespace sumi {

/// A transformer on `rows` samples of latents of that size, each with `tokens` of context. `int8`:
/// what flows into a product is bytes where a norm writes it.
PassCost mmdit_cost(const MMDiTConfig& config, std::int64_t rows, std::int64_t width,
                    std::int64_t height, std::int64_t tokens, bool int8);

}  // namespace sumi
