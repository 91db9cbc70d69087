#pragma once

#include <string>

#include "models/configs.h"
#include "models/mmdit_config.h"
#include "weights/checkpoint_files.h"

namespace sumi {

/// What a single file's tensors cannot say, given by whoever knows; 0 or empty: the published
/// value.
struct SpecOverrides {
  std::string prediction_type;  ///< "epsilon", "v_prediction" or "sample"
  int norm_num_groups = 0;      ///< published: 32
  int unet_heads = 0;           ///< published: SD 1.x has 8 everywhere
  int unet_head_size = 0;       ///< published: SD 2.x has 64 channels per head
  int text_heads = 0;           ///< published: 64 channels per head
};

/// All that is known about a checkpoint before its weights are read. Nothing else in the program
/// asks which family a checkpoint belongs to.
struct ModelSpec {
  std::string family;   ///< "sd1", "sd2", "sd3" (a transformer like it, whatever its text side is);
                        ///< "unknown" for a U-Net like them without attention
  std::string variant;  ///< "text-to-image", "inpainting" or "instruct-pix2pix"
  bool guidance_distilled =
      false;                    ///< takes the guidance scale as an input (LCM): one call per step
  std::string prediction_type;  ///< "epsilon", "v_prediction", "sample" or "flow"
  int size_px = 512;            ///< side of the pictures it was trained on
  /// Layers at the end of the text tower that conditioning skips: 1 where an SD 2 file holds
  /// all 24.
  int skipped_text_layers = 0;
  bool has_unet = false, has_transformer = false, has_vae = false, has_text = false;
  /// How many text encoders the checkpoint has: Stable Diffusion 3 has three.
  int text_encoders = 0;
  bool tiny_vae = false;  ///< the vae component is a tiny autoencoder, described by `tiny`
  UNetConfig unet;
  MMDiTConfig transformer;
  VaeConfig vae;
  TinyVaeConfig tiny;
  ClipTextConfig text;
};

/// Tells the family from tensor names and shapes and derives every configuration: from config.json
/// where there is one, else from the shapes. Throws Error for a family that is known but not yet
/// supported (by its name) and for networks that are no member of a supported family.
///
/// The prediction type is flow for a transformer and for a scheduler of flow matching; else the
/// override, else the scheduler's configuration, else what the file's
/// metadata or a .yaml beside it says. Nothing in the tensors of a bare SD 2 file tells the 512
/// pixel base model (epsilon) from the 768 pixel one (v): with 4 input channels v is assumed, with
/// others epsilon, which are the published models.
ModelSpec describe_model(const CheckpointFiles& files, const SpecOverrides& overrides = {});

/// Whether these are the names of a tiny autoencoder (TAESD), in diffusers' layout.
bool is_tiny_vae(const PlacedTensors& vae);

/// Configurations from shapes alone, under canonical names. `family` decides the head counts.
UNetConfig unet_config_from_shapes(const PlacedTensors& unet, const std::string& family,
                                   const SpecOverrides& overrides);
MMDiTConfig mmdit_config_from_shapes(const PlacedTensors& transformer);
VaeConfig vae_config_from_shapes(const PlacedTensors& vae, const SpecOverrides& overrides);
TinyVaeConfig tiny_vae_config_from_shapes(const PlacedTensors& vae);
ClipTextConfig text_config_from_shapes(const PlacedTensors& text, const std::string& family,
                                       const SpecOverrides& overrides);

}  // namespace sumi
