#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/tensor.h"
#include "weights/weight_file.h"

namespace sumi {

/// The tensors of a weight file in place: each one keeps the file's mapping alive and keeps the
/// file's dtype. A tensor that does not lie aligned for its dtype is copied. Writing to them is
/// undefined: the pages are read-only.
StateDict to_state_dict(const WeightFile& file);

/// open_weight_file, then to_state_dict.
StateDict load_state_dict(const std::filesystem::path& file);

/// Writes a safetensors file, complete or not at all; every tensor keeps its dtype.
void save_state_dict(const std::filesystem::path& file, const StateDict& tensors,
                     const std::map<std::string, std::string>& metadata = {});

/// A view of a contiguous CPU tensor, valid as long as the tensor. Throws Error for a dtype that
/// weight files cannot hold.
TensorView view_of(const Tensor& tensor);

torch::ScalarType scalar_type(DType dtype);

}  // namespace sumi
