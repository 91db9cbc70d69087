#pragma once

// The one door to LibTorch. ivalue.h comes first: clang parses the rest in C++20 only then.
#include <ATen/core/ivalue.h>
#include <torch/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/runtime.h"

namespace sumi {

using torch::Tensor;

/// Named tensors, as in a checkpoint.
using StateDict = std::map<std::string, Tensor>;

/// Sets LibTorch's intra-op threads from the Runtime (its own default was 1 on two cores) and
/// returns the device to compute on. Throws Error when a CUDA device is asked for and none is
/// there.
torch::Device start_torch(const Runtime& runtime);

/// "[1, 4, 64, 64]", for error texts.
std::string shape_text(at::IntArrayRef shape);

}  // namespace sumi
