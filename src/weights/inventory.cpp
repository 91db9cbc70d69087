#include "weights/inventory.h"

#include <set>

#include "weights/checkpoint_files.h"
#include "weights/weight_file.h"

namespace sumi {
namespace {

void count(PartSummary& part, const TensorView& view) {
  ++part.tensors;
  part.parameters += static_cast<std::uint64_t>(element_count(view));
  part.bytes += view.bytes.size();
  ++part.dtypes[std::string(name_of(view.dtype))];
}

/// Counts what lies in the files: a fused tensor is one, however many of ours it holds.
PartSummary summarise(const std::string& name, const PlacedTensors& placed) {
  PartSummary part;
  part.name = name;
  for (const auto& [key, tensor] : placed) {
    if (tensor.part == 0) count(part, tensor.view);
    const auto scale = placed.find(key + "_scale");
    if (tensor.view.dtype != DType::i8 || scale == placed.end()) continue;
    ++part.int8_weights;
    part.parameters -= static_cast<std::uint64_t>(element_count(scale->second.view));
  }
  return part;
}

Inventory of_checkpoint(const CheckpointFiles& files) {
  Inventory inventory;
  inventory.layout = files.layout;
  inventory.family = files.family;
  std::set<std::string> formats;
  for (const auto& [component, format] : files.formats) formats.insert(format);
  for (const auto& format : formats)
    inventory.format += (inventory.format.empty() ? "" : ", ") + format;
  for (const auto& [component, placed] : files.components)
    inventory.parts.push_back(summarise(component, placed));
  if (!files.unused.empty()) inventory.parts.push_back(summarise("unused", files.unused));
  inventory.hints = files.hints;
  inventory.metadata = files.metadata;
  return inventory;
}

Inventory of_weights(const WeightFile& file) {
  Inventory inventory;
  inventory.layout = "weights";
  inventory.family = "unknown";
  inventory.format = file.format;
  std::map<std::string, PartSummary> parts;
  for (const auto& [name, view] : file.tensors) {
    PartSummary& part = parts[name.substr(0, name.find('.'))];
    part.name = name.substr(0, name.find('.'));
    count(part, view);
  }
  for (auto& [name, part] : parts) inventory.parts.push_back(std::move(part));
  inventory.metadata = file.metadata;
  return inventory;
}

}  // namespace

Inventory take_inventory(const std::filesystem::path& path) {
  Inventory inventory;
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    inventory = of_checkpoint(open_checkpoint_files(path));
  } else {
    const WeightFile file = open_weight_file(path);
    inventory =
        find_naming(file.tensors) ? of_checkpoint(open_checkpoint_files(path)) : of_weights(file);
  }
  inventory.path = path.string();
  return inventory;
}

Json to_json(const Inventory& inventory) {
  Json parts = Json::array();
  for (const PartSummary& part : inventory.parts)
    parts.push_back({{"name", part.name},
                     {"tensors", part.tensors},
                     {"parameters", part.parameters},
                     {"bytes", part.bytes},
                     {"int8_weights", part.int8_weights},
                     {"dtypes", part.dtypes}});
  return {{"path", inventory.path},
          {"layout", inventory.layout},
          {"family", inventory.family},
          {"format", inventory.format},
          {"parts", parts},
          {"hints", inventory.hints},
          {"metadata", inventory.metadata}};
}

}  // namespace sumi
