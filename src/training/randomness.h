#pragma once

#include <ATen/Generator.h>

#include <cstdint>

#include "core/tensor.h"

namespace sumi {

/// A 64-bit value that depends on every bit of both inputs (the finaliser of SplitMix64, Steele et
/// al. 2014, over their sum). All randomness of a run is a function of its seed and of the sample's
/// number, so that no generator's state has to survive an interruption.
std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t number);

/// Torch's CPU generator started from a seed.
at::Generator generator_of(std::uint64_t seed);

/// Unit normal numbers. The host draws them, so that they are the same on every device.
Tensor normal_numbers(at::IntArrayRef sizes, std::uint64_t seed,
                      torch::Device device = torch::kCPU);

/// Numbers in [0, 1), on the host. [count].
Tensor uniform_numbers(std::int64_t count, std::uint64_t seed);

}  // namespace sumi
