#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/json.h"
#include "weights/key_rules.h"
#include "weights/weight_file.h"

namespace sumi {

/// A tensor under its canonical name, still lying in its file as the file has it.
struct PlacedTensor {
  TensorView view;                     ///< as in the file
  std::string source;                  ///< its name there
  KeyChange change = KeyChange::none;  ///< what makes it ours
  int part = 0;                        ///< which third, where `change` says so
  std::vector<std::int64_t> shape;     ///< as ours
};

using PlacedTensors = std::map<std::string, PlacedTensor>;

/// A checkpoint with canonical names, before any tensor is made: all that its headers say.
struct CheckpointFiles {
  std::string layout;  ///< "single file", "diffusers folder" or "component folder"
  std::string
      family;  ///< "sd1", "sd2", "sd3", "vae" (a VAE alone) or "unknown", told by names and shapes
  std::string naming;                               ///< the KeyTable of a single file, else empty
  std::map<std::string, PlacedTensors> components;  ///< "unet", "vae", "text_encoder", …
  PlacedTensors unused;                             ///< what the file carries and no model needs
  std::map<std::string, Json>
      configs;  ///< config.json by component, "scheduler", "model_index"; folders only
  std::filesystem::path tokenizer_folder;  ///< empty where there is none
  /// What a single file does not say in its tensors but somewhere else: "prediction_type"
  /// ("epsilon" or "v_prediction") and "resolution" from modelspec metadata or from NAME.yaml
  /// beside the file.
  std::map<std::string, std::string> hints;
  std::map<std::string, std::string> metadata;
  std::map<std::string, std::string>
      formats;  ///< of the weight file, by component; "" for a single file
  std::vector<std::shared_ptr<const void>> owners;
};

/// Opens a checkpoint of any layout: a diffusers folder (model_index.json, or the folder of one
/// component), or a single file. Strict: a name that is in no KeyTable is an Error that lists the
/// first of them; a family of later versions is an Error that names it.
CheckpointFiles open_checkpoint_files(const std::filesystem::path& path);

/// The key table whose names these are; nullptr when none fits.
const KeyTable* find_naming(const std::map<std::string, TensorView>& tensors);

/// "sd1" or "sd2" by the shape of the U-Net's projections, "unknown" without any.
std::string family_of_unet(const PlacedTensors& unet);

}  // namespace sumi
