#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/engine_commands.h"
#include "cli/plain_commands.h"
#include "models/catalog.h"
#include "nn/byte_state.h"
#include "pipelines/layer_measurement.h"
#include "weights/checkpoint.h"

namespace sumi {
namespace {

std::optional<DType> chosen_type(const std::string& name) {
  if (name == "f32") return DType::f32;
  if (name == "f16" || name == "int8") return DType::f16;  // of what does not become bytes
  if (name == "bf16") return DType::bf16;
  return std::nullopt;
}

bool wants_single_file(const ConvertCommand& command) {
  if (command.layout == "auto")
    return std::filesystem::path(command.target).extension() == ".safetensors";
  return command.layout == "single";
}

/// A single file carries no configuration; the catalog knows it from the shapes.
void add_missing_configs(Checkpoint& checkpoint, const ModelSpec& spec) {
  const auto add = [&](const char* part, bool present, const char* name, Json config) {
    if (!present || checkpoint.configs.contains(part)) return;
    config["_class_name"] = name;
    checkpoint.configs[part] = std::move(config);
  };
  add("unet", spec.has_unet, "UNet2DConditionModel", to_json(spec.unet));
  add("transformer", spec.has_transformer, "SD3Transformer2DModel", to_json(spec.transformer));
  add("vae", spec.has_vae, "AutoencoderKL", to_json(spec.vae));
  if (spec.has_text && !checkpoint.configs.contains("text_encoder")) {
    auto config = to_json(spec.text);
    config["architectures"] = {spec.has_transformer && spec.text.with_projection
                                   ? "CLIPTextModelWithProjection"
                                   : "CLIPTextModel"};
    config["model_type"] = "clip_text_model";
    checkpoint.configs["text_encoder"] = std::move(config);
  }
}

const char* denoiser_of(const Checkpoint& checkpoint) {
  return checkpoint.components.contains("transformer") ? "transformer" : "unet";
}

/// The denoiser's layers that are accurate in int8 as bytes; told by a measurement.
void quantise(Checkpoint& checkpoint, const std::filesystem::path& source,
              const ConvertCommand& command) {
  auto models = load_model_set(source.string(), "",
                               start_torch({command.machine.device, command.machine.threads, {}}));
  measure_layers(models);
  checkpoint.components.at(denoiser_of(checkpoint)) = byte_state(models.network);
}

StoredBytes fate_of_bytes(const ConvertCommand& command) {
  const bool kept = command.to == "int8" || command.to == "keep";
  return kept ? StoredBytes::kept : StoredBytes::multiplied_out;
}

std::size_t count_bytes(const Checkpoint& checkpoint) {
  const auto network = checkpoint.components.find(denoiser_of(checkpoint));
  if (network == checkpoint.components.end()) return 0;
  return static_cast<std::size_t>(
      std::count_if(network->second.begin(), network->second.end(),
                    [](const auto& named) { return named.second.scalar_type() == torch::kChar; }));
}

}  // namespace

int run(const ConvertCommand& command) {
  const auto source = find_model(command.source);
  const auto files = open_checkpoint_files(source);
  auto checkpoint = to_checkpoint(files);
  const auto type = chosen_type(command.to);
  const bool single = wants_single_file(command), bytes = command.to == "int8";
  if (single && bytes)
    throw Error("int8 weights have no single-file layout",
                "name a folder as TARGET, or add --layout diffusers");
  if (bytes) quantise(checkpoint, source, command);
  if (single) {
    save_single_file(command.target, checkpoint, type);
  } else {
    add_missing_configs(checkpoint, describe_model(files));
    save_diffusers_folder(command.target, checkpoint, type, fate_of_bytes(command));
    const auto defaults = source / "generation.json";
    if (std::filesystem::exists(defaults))
      std::filesystem::copy_file(defaults,
                                 std::filesystem::path(command.target) / "generation.json");
  }
  if (command.machine.json)
    print_json({{"source", source.string()},
                {"target", command.target},
                {"layout", single ? "single" : "diffusers"},
                {"to", command.to},
                {"int8_weights", count_bytes(checkpoint)}});
  else
    fmt::print("{}: written as {}{}\n", command.target, single ? "one file" : "a diffusers folder",
               bytes ? fmt::format(", {} weights in int8", count_bytes(checkpoint)) : "");
  return 0;
}

}  // namespace sumi
