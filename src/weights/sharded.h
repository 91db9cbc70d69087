#pragma once

#include <filesystem>
#include <string_view>

#include "weights/weight_file.h"

namespace sumi {

/// Opens the files that an index (`model.safetensors.index.json`) names and joins their tensors.
/// The names are data: each must be a plain file name, looked for beside the index. Index and files
/// must agree about every tensor.
WeightFile open_sharded(const std::filesystem::path& index_file, std::string_view index_text);

}  // namespace sumi
