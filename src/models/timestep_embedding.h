#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace sumi {

/// Sinusoids of `timesteps` [N], geometrically spaced. [N, width]: sines, then cosines (or the
/// other way round), as in DDPM (Ho et al. 2020).
Tensor timestep_embedding(const Tensor& timesteps, std::int64_t width, bool cosines_first,
                          double freq_shift, double max_period = 10000);

/// The input of networks distilled with guidance (Meng et al. 2023; LCM): the guidance scale minus
/// one as sinusoids. scale: [N] -> [N, width].
Tensor guidance_embedding(const Tensor& scale_minus_one, std::int64_t width);

}  // namespace sumi
