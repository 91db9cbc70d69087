#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "weights/weight_file.h"

namespace sumi {

/// Reads what torch.save writes since PyTorch 1.6: a stored zip archive with `data.pkl` and one
/// member per storage. Tensors stay where they lie unless their strides are not row-major; those
/// are copied, together at most the file's size. The tensors are those under "state_dict" where the
/// object has that key, else all of it; nested dicts and lists join their keys with dots. Numbers
/// and texts beside them become metadata.
WeightFile read_torch_zip(std::span<const std::byte> bytes, const std::string& origin);

/// Reads torch.save's older form: five pickles (magic number, protocol, machine, object, storage
/// keys), then the storages, each an element count of 8 bytes and the elements.
WeightFile read_torch_legacy(std::span<const std::byte> bytes, const std::string& origin);

/// Whether the bytes begin like the older form.
bool looks_like_torch_legacy(std::span<const std::byte> bytes);

}  // namespace sumi
