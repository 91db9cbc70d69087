#include "weights/checkpoint_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/files.h"
#include "weights/names.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

struct Beginning {
  std::string_view prefix, meaning;
};

// Told apart only to say so.
constexpr auto kLaterFamilies = std::to_array<Beginning>({
    {"conditioner.embedders.", "an SDXL checkpoint"},
    {"control_model.", "a ControlNet"},
    {"lora_", "a LoRA"},
});

std::string listing(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += (i ? ", " : "") + in_quotes(names[i]);
  return names.size() > kShown ? fmt::format("{} and {} more", text, names.size() - kShown) : text;
}

template <class Map>
bool any_begins(const Map& tensors, std::string_view prefix) {
  const auto found = tensors.lower_bound(std::string(prefix));
  return found != tensors.end() && found->first.starts_with(prefix);
}

void place(CheckpointFiles& files, const KeyPair& pair, const TensorView& view,
           const std::string& origin) {
  const auto shape = our_shape(pair, view.shape);
  if (!shape)
    throw Error(fmt::format("{}: tensor {} has the shape {}, which does not fit its name", origin,
                            in_quotes(pair.theirs), dimensions(view.shape)),
                "the file is not the checkpoint that its names say; fetch it again");
  PlacedTensor placed{view, pair.theirs, pair.change, pair.part, *shape};
  if (placed.shape == view.shape && pair.change == KeyChange::matrix)
    placed.change = KeyChange::none;
  PlacedTensors& target =
      pair.component == "unused" ? files.unused : files.components[pair.component];
  target.emplace(pair.ours, std::move(placed));
}

/// Names without a rule stay as they are.
void place_as_is(PlacedTensors& target, const std::string& name, const TensorView& view) {
  target.emplace(name, PlacedTensor{view, name, KeyChange::none, 0, view.shape});
}

[[noreturn]] void refuse_family(const fs::path& path,
                                const std::map<std::string, TensorView>& tensors) {
  for (const auto& [prefix, meaning] : kLaterFamilies)
    if (any_begins(tensors, prefix))
      throw Error(
          fmt::format("{}: this is {}, which this version does not read", path.string(), meaning),
          "give a checkpoint of SD 1.x or 2.x");
  std::vector<std::string> names;
  for (const auto& [name, view] : tensors) names.push_back(name);
  throw Error(
      fmt::format("{}: an unknown family of model; it holds {}", path.string(), listing(names)),
      "give a checkpoint of SD 1.x or 2.x, or a diffusers folder");
}

/// The first value after `key:` in a yaml file, without quotes; empty when there is none.
std::string yaml_value(std::string_view text, std::string_view key) {
  const auto at = text.find(std::string(key) + ":");
  if (at == std::string_view::npos) return "";
  std::string_view value = text.substr(at + key.size() + 1);
  value = value.substr(0, value.find('\n'));
  const auto first = value.find_first_not_of(" \t\"'");
  if (first == std::string_view::npos) return "";
  return std::string(value.substr(first, value.find_first_of(" \t\r\"'#", first) - first));
}

void gather_hints(CheckpointFiles& files, const fs::path& path) {
  for (const char* name : {"prediction_type", "resolution"})
    if (const auto found = files.metadata.find(std::string("modelspec.") + name);
        found != files.metadata.end())
      files.hints[name] = found->second;
  if (files.hints.contains("prediction_type") && files.hints["prediction_type"] == "v")
    files.hints["prediction_type"] = "v_prediction";
  const fs::path yaml = fs::path(path).replace_extension(".yaml");
  std::error_code ignored;
  if (yaml == path || !fs::is_regular_file(yaml, ignored)) return;
  const std::string kind = yaml_value(read_text_file(yaml, 1u << 20), "parameterization");
  if (kind == "v") files.hints["prediction_type"] = "v_prediction";
  if (kind == "eps") files.hints["prediction_type"] = "epsilon";
}

CheckpointFiles open_single_file(const fs::path& path) {
  WeightFile file = open_weight_file(path);
  const KeyTable* naming = find_naming(file.tensors);
  if (!naming) refuse_family(path, file.tensors);
  CheckpointFiles files;
  files.layout = "single file";
  files.naming = naming->name();
  std::vector<std::string> unknown;
  for (const auto& [name, view] : file.tensors) {
    const auto pairs = naming->to_ours(name);
    for (const KeyPair* pair : pairs) place(files, *pair, view, path.string());
    if (!pairs.empty()) continue;
    if (is_training_only(name))
      place_as_is(files.unused, name, view);
    else
      unknown.push_back(name);
  }
  if (!unknown.empty())
    throw Error(fmt::format("{}: {} tensors have names that no {} has: {}", path.string(),
                            unknown.size(), naming->name(), listing(unknown)),
                "the file is not a plain checkpoint; look for one without additions");
  files.family = naming == &vae_single_file()               ? "vae"
                 : naming == &sd2_single_file()             ? "sd2"
                 : files.components.contains("transformer") ? "sd3"
                                                            : "sd1";
  files.metadata = std::move(file.metadata);
  files.formats[""] = file.format;
  files.owners.push_back(std::move(file.owner));
  gather_hints(files, path);
  return files;
}

/// The weight file in a component's folder, by the names that diffusers and transformers give it;
/// the plain one before the half-precision variant, safetensors before pickle.
fs::path find_weights(const fs::path& folder) {
  static constexpr auto kNames = std::to_array<std::string_view>(
      {"diffusion_pytorch_model.safetensors", "model.safetensors",
       "diffusion_pytorch_model.safetensors.index.json", "model.safetensors.index.json",
       "diffusion_pytorch_model.fp16.safetensors", "model.fp16.safetensors",
       "diffusion_pytorch_model.safetensors.index.fp16.json", "model.safetensors.index.fp16.json",
       "diffusion_pytorch_model.bin", "pytorch_model.bin", "diffusion_pytorch_model.bin.index.json",
       "pytorch_model.bin.index.json", "diffusion_pytorch_model.fp16.bin",
       "pytorch_model.fp16.bin"});
  for (const std::string_view name : kNames)
    if (std::error_code ignored; fs::is_regular_file(folder / name, ignored)) return folder / name;
  return {};
}

void add_component(CheckpointFiles& files, const std::string& component, const fs::path& weights) {
  WeightFile file = open_weight_file(weights);
  PlacedTensors& target = files.components[component];
  for (const auto& [name, view] : file.tensors) {
    if (name.ends_with(".embeddings.position_ids")) {
      place_as_is(files.unused, component + "." + name, view);
      continue;
    }
    const auto pairs =
        component == "vae" ? early_diffusers_vae().to_ours(name) : std::vector<const KeyPair*>{};
    for (const KeyPair* pair : pairs) place(files, *pair, view, weights.string());
    if (pairs.empty()) place_as_is(target, name, view);
  }
  files.formats[component] = file.format;
  files.owners.push_back(std::move(file.owner));
}

/// The diffusers class in a config to the component that it is in a folder.
std::string component_of_class(const Json& config) {
  const std::string name = config.is_object() ? config.value("_class_name", "") : "";
  if (name == "UNet2DConditionModel") return "unet";
  if (name == "SD3Transformer2DModel") return "transformer";
  if (name == "AutoencoderKL" || name == "AutoencoderTiny") return "vae";
  if (config.is_object() && config.value("model_type", "") == "clip_text_model")
    return "text_encoder";
  return "";
}

CheckpointFiles open_component_folder(const fs::path& folder, const fs::path& weights) {
  CheckpointFiles files;
  files.layout = "component folder";
  const Json config = read_json(folder / "config.json");
  std::string component = component_of_class(config);
  if (component.empty())
    throw Error(
        fmt::format("{}: config.json describes no U-Net, SD 3 transformer, VAE or CLIP text tower",
                    folder.string()),
        "give a folder with model_index.json");
  add_component(files, component, weights);
  files.configs[component] = config;
  files.family = component == "unet"          ? family_of_unet(files.components[component])
                 : component == "transformer" ? "sd3"
                 : component == "vae"         ? "vae"
                                              : "unknown";
  return files;
}

/// Whether model_index.json names a part that has weights: ["diffusers" or "transformers", class];
/// the checks and the parts without tensors are left out.
bool has_weights(const std::string& name, const Json& row) {
  if (!row.is_array() || row.size() != 2 || !row[0].is_string() || !row[1].is_string())
    return false;
  if (name == "safety_checker" || name == "feature_extractor" || name == "scheduler") return false;
  const std::string& kind = row[1].get_ref<const std::string&>();
  return kind.find("Tokenizer") == std::string::npos &&
         kind.find("Processor") == std::string::npos &&
         kind.find("Extractor") == std::string::npos && kind.find("Scheduler") == std::string::npos;
}

std::string family_of_folder(const CheckpointFiles& files) {
  const auto transformer = files.configs.find("transformer");
  if (transformer != files.configs.end() &&
      component_of_class(transformer->second) == "transformer")
    return "sd3";
  const auto unet = files.components.find("unet");
  if (unet == files.components.end() || files.components.contains("text_encoder_2"))
    return "unknown";
  return family_of_unet(unet->second);
}

CheckpointFiles open_folder(const fs::path& folder) {
  CheckpointFiles files;
  files.layout = "diffusers folder";
  const Json index = read_json(folder / "model_index.json");
  if (!index.is_object())
    throw Error(fmt::format("{}: model_index.json is not an object", folder.string()),
                "fetch the folder again");
  files.configs["model_index"] = index;
  for (const auto& [name, row] : index.items()) {
    if (!has_weights(name, row)) continue;
    if (!is_plain_file_name(name))
      throw Error(
          fmt::format("{}: model_index.json names the part {}", folder.string(), in_quotes(name)),
          "fetch the folder again");
    const fs::path part = folder / name, weights = find_weights(part);
    if (weights.empty())
      throw Error(fmt::format("{}: no weights are in it", part.string()),
                  "the folder is incomplete; fetch it again");
    add_component(files, name, weights);
    files.configs[name] = read_json(part / "config.json");
  }
  std::error_code ignored;
  if (const fs::path scheduler = folder / "scheduler" / "scheduler_config.json";
      fs::is_regular_file(scheduler, ignored))
    files.configs["scheduler"] = read_json(scheduler);
  if (const fs::path tokenizer = folder / "tokenizer"; fs::is_directory(tokenizer, ignored))
    files.tokenizer_folder = tokenizer;
  files.family = family_of_folder(files);
  return files;
}

/// Blocks of an SD 3 transformer; 0 where there is none, and for a number that none has.
int joint_blocks(const std::map<std::string, TensorView>& tensors) {
  constexpr int kMost = 256;
  int blocks = 0;
  while (blocks <= kMost &&
         any_begins(tensors, fmt::format("model.diffusion_model.joint_blocks.{}.x_block.", blocks)))
    ++blocks;
  return blocks > kMost ? 0 : blocks;
}

}  // namespace

const KeyTable* find_naming(const std::map<std::string, TensorView>& tensors) {
  if (any_begins(tensors, "conditioner.") || any_begins(tensors, "control_model.")) return nullptr;
  if (const int blocks = joint_blocks(tensors); blocks > 0) return &sd3_single_file(blocks);
  if (any_begins(tensors, "cond_stage_model.model.")) return &sd2_single_file();
  if (any_begins(tensors, "cond_stage_model.transformer.text_model.")) return &sd1_single_file();
  if (any_begins(tensors, "cond_stage_model.transformer.")) return &sd1_early_single_file();
  if (any_begins(tensors, "model.diffusion_model.input_blocks.")) {
    const auto projection = tensors.find("model.diffusion_model.input_blocks.1.1.proj_in.weight");
    return projection != tensors.end() && projection->second.shape.size() == 2 ? &sd2_single_file()
                                                                               : &sd1_single_file();
  }
  if (any_begins(tensors, "first_stage_model.")) return &sd1_single_file();
  if (tensors.contains("encoder.conv_in.weight") && any_begins(tensors, "decoder.up.0.block."))
    return &vae_single_file();
  return nullptr;
}

std::string family_of_unet(const PlacedTensors& unet) {
  for (const auto& [name, tensor] : unet)
    if (name.ends_with(".proj_in.weight")) return tensor.shape.size() == 2 ? "sd2" : "sd1";
  return "unknown";
}

CheckpointFiles open_checkpoint_files(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return open_single_file(path);
  if (fs::is_regular_file(path / "model_index.json", ignored)) return open_folder(path);
  if (const fs::path weights = find_weights(path); !weights.empty())
    return open_component_folder(path, weights);
  throw Error(
      fmt::format("{}: the folder holds neither model_index.json nor weights", path.string()),
      "give a diffusers folder or a checkpoint file");
}

}  // namespace sumi
