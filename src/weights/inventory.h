#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"

namespace sumi {

/// A part of a weight file or checkpoint, counted.
struct PartSummary {
  std::string name;
  std::size_t tensors = 0;
  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;
  std::size_t int8_weights = 0;  ///< stored as bytes with a scale for each output channel
  std::map<std::string, std::size_t> dtypes;  ///< tensors by dtype: {"F16": 686}
};

/// What the headers of a model say, without LibTorch and without reading a weight.
struct Inventory {
  std::string path;
  std::string layout;  ///< "single file", "diffusers folder", "component folder" or "weights" (no
                       ///< known family)
  std::string family;  ///< as CheckpointFiles::family
  std::string format;  ///< of the weight files: "safetensors", "pickle (zip)", …
  std::vector<PartSummary> parts;
  std::map<std::string, std::string> hints, metadata;
};

/// Looks into anything that holds weights: checkpoints of known families by component; other weight
/// files by the first part of their tensors' names. Throws Error as the readers do.
Inventory take_inventory(const std::filesystem::path& path);

Json to_json(const Inventory& inventory);

}  // namespace sumi
