#pragma once

#include <string>

#include "core/tensor.h"

namespace sumi {

// Weights that a file holds as signed bytes: NAME is int8 [out, ...], NAME_scale float32 [out], and
// weight = scale * byte for each output channel.

/// The name of the scales that belong to a weight of bytes: "layer.weight_scale".
std::string scale_name(const std::string& weight);

/// A weight of bytes as float32.
Tensor multiplied_out(const Tensor& values, const Tensor& scale);

/// The scales that belong to the bytes called `name`, as float32 [out]. Throws Error that begins
/// with `where` when they are of another length, NaN, infinite, zero or negative.
Tensor checked_scale(const Tensor& scale, const Tensor& values, const std::string& name,
                     const std::string& where);

}  // namespace sumi
