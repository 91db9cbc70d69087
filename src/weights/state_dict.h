#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
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

/// One tensor in place, or copied where it does not lie aligned; it keeps `owner` alive.
Tensor to_tensor(const TensorView& view, const std::shared_ptr<const void>& owner);

/// The bytes of a contiguous CPU tensor, valid as long as the tensor.
std::span<const std::byte> bytes_of(const Tensor& tensor);

torch::ScalarType scalar_type(DType dtype);

/// Throws Error for a type that weight files cannot hold.
DType dtype_of(const Tensor& tensor);

}  // namespace sumi
