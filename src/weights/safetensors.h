#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "weights/weight_file.h"

namespace sumi {

/// Reads a safetensors file that lies in memory; the views point into `bytes`, nothing is copied.
/// Refused with an Error naming `origin`, tensor and offset: a header over 100,000,000 bytes,
/// offsets that leave holes, overlap or do not cover the file, duplicate or over-long names (4
/// KiB), rank over 8, unknown dtypes, sizes that overflow or differ from shape and dtype.
WeightFile read_safetensors(std::span<const std::byte> bytes, const std::string& origin);

/// Tensors in the order they shall be written, each with its name.
using NamedViews = std::vector<std::pair<std::string, TensorView>>;

/// Writes a safetensors file, complete or not at all. Tensors are streamed from where they lie;
/// wide elements go first, so that with the header padded to 8 bytes every tensor lies aligned.
void write_safetensors(const std::filesystem::path& file, const NamedViews& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace sumi
