#include "cli/inspect.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/plain_commands.h"
#include "weights/inventory.h"
#include "weights/weight_file.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

bool is_weight_name(const fs::path& file) {
  const auto extension = file.extension();
  return extension == ".safetensors" || extension == ".bin" || extension == ".ckpt" ||
         extension == ".pt" || extension == ".pth";
}

/// The weight files of a folder and of the folders in it; of a file, itself.
std::vector<fs::path> weight_files(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(path))
    if (entry.is_regular_file() && is_weight_name(entry.path())) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

/// Every tensor as {file, name, dtype, shape}.
Json list_tensors(const fs::path& path) {
  Json list = Json::array();
  for (const auto& file : weight_files(path))
    for (const auto& [name, tensor] : open_weight_file(file).tensors)
      list.push_back({{"file", file.string()},
                      {"name", name},
                      {"dtype", std::string(name_of(tensor.dtype))},
                      {"shape", tensor.shape}});
  return list;
}

std::string dtype_text(const std::map<std::string, std::size_t>& dtypes) {
  std::vector<std::string> parts;
  for (const auto& [name, count] : dtypes)
    parts.push_back(dtypes.size() == 1 ? name : fmt::format("{} x {}", count, name));
  return fmt::format("{}", fmt::join(parts, ", "));
}

void print_parts(const std::vector<PartSummary>& parts) {
  fmt::print("\n{:<24}{:>9}{:>16}{:>12}  {}\n", "PART", "TENSORS", "PARAMETERS", "SIZE", "TYPES");
  PartSummary all;
  for (const auto& part : parts) {
    fmt::print("{:<24}{:>9}{:>16}{:>12}  {}\n", part.name, part.tensors, part.parameters,
               format_bytes(part.bytes), dtype_text(part.dtypes));
    all.tensors += part.tensors;
    all.parameters += part.parameters;
    all.bytes += part.bytes;
  }
  if (parts.size() > 1)
    fmt::print("{:<24}{:>9}{:>16}{:>12}\n", "together", all.tensors, all.parameters,
               format_bytes(all.bytes));
}

void print_pairs(const char* heading, const std::map<std::string, std::string>& pairs) {
  if (!pairs.empty()) fmt::print("\n{}\n", heading);
  for (const auto& [name, value] : pairs) fmt::print("  {:<22}{}\n", name, value.substr(0, 200));
}

void print_inventory(const Inventory& inventory) {
  const auto line = [](const char* name, const std::string& value) {
    fmt::print("{:<10}{}\n", name, value);
  };
  line("path", inventory.path);
  line("layout", inventory.layout);
  line("format", inventory.format);
  line("family", inventory.family);
  for (const auto& part : inventory.parts)
    if (part.int8_weights > 0)
      line("int8", fmt::format("{}: {} weights as bytes with a scale for each output channel",
                               part.name, part.int8_weights));
  print_parts(inventory.parts);
  print_pairs("HINTS", inventory.hints);
  print_pairs("METADATA", inventory.metadata);
}

void print_tensors(const Json& tensors) {
  fmt::print("\nTENSORS\n");
  for (const auto& tensor : tensors)
    fmt::print("  {:<6}{:<24}{}\n", tensor["dtype"].get<std::string>(), tensor["shape"].dump(),
               tensor["name"].get<std::string>());
}

}  // namespace

void inspect_model(const fs::path& path, bool tensors, bool json) {
  const auto inventory = take_inventory(path);
  const auto list = tensors ? list_tensors(path) : Json();
  if (json) {
    auto object = to_json(inventory);
    if (tensors) object["tensors"] = list;
    return print_json(object);
  }
  print_inventory(inventory);
  if (tensors) print_tensors(list);
}

int run(const InspectCommand& command) {
  inspect_model(find_model(command.path), command.tensors, command.json);
  return 0;
}

}  // namespace sumi
