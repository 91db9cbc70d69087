#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "core/json.h"
#include "core/tensor.h"
#include "weights/checkpoint_files.h"

namespace sumi {

/// A checkpoint with canonical (diffusers') names, whatever its layout was.
struct Checkpoint {
  std::map<std::string, StateDict>
      components;  ///< "unet", "vae", "text_encoder"; tensors lie in the mapped file
  std::map<std::string, Json>
      configs;  ///< by component, "scheduler", "model_index"; empty for a single file
  std::filesystem::path tokenizer_folder;  ///< empty where there is none
  StateDict unused;    ///< what the file carries and no model needs, under its own names
  std::string family;  ///< as CheckpointFiles::family
  std::string layout;  ///< "single file", "diffusers folder" or "component folder"
  std::map<std::string, std::string> hints;  ///< see CheckpointFiles::hints
  std::map<std::string, std::string> metadata;
};

/// Opens a diffusers folder, the folder of one component, or a single file (safetensors, .ckpt).
/// Nothing is converted and next to nothing copied; NaN is looked for when weights are bound. SD
/// 2's text tower keeps all the layers a file has: 24 in single files (of which the last is not
/// used for conditioning) together with "text_projection.weight", 23 in diffusers folders.
Checkpoint open_checkpoint(const std::filesystem::path& path);
Checkpoint to_checkpoint(const CheckpointFiles& files);

/// What becomes of weights that are bytes with scales (core/stored_bytes.h).
enum class StoredBytes { kept, multiplied_out };

/// Writes the original layout in one safetensors file, complete or not at all. Floating-point
/// weights get the dtype (their own when none is given); buffers under `unused` are kept as they
/// are; bytes are multiplied out. Throws Error when a weight has no name in that layout, does not
/// fit into the dtype's range, or is bytes and no dtype is given.
void save_single_file(const std::filesystem::path& file, const Checkpoint& checkpoint,
                      std::optional<DType> dtype = {});

/// Writes a diffusers folder with the checkpoint's configs and tokenizer; it appears complete or
/// not at all. Throws Error when a config is missing or `folder` already holds something. A text
/// tower with more layers than its config says is written without the surplus ones. Bytes that are
/// kept keep their scales, in float32; multiplied out without a dtype they become float32.
void save_diffusers_folder(const std::filesystem::path& folder, const Checkpoint& checkpoint,
                           std::optional<DType> dtype = {},
                           StoredBytes bytes = StoredBytes::multiplied_out);

}  // namespace sumi
