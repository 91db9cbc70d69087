#include "models/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/clip_text.h"
#include "models/mmdit.h"
#include "models/tiny_vae.h"
#include "models/unet.h"
#include "models/vae.h"

namespace sumi {
namespace {

using testing::HasSubstr;

PlacedTensors placed(const Module& module) {
  PlacedTensors all;
  for (const auto& [path, slot] : module.slots()) all[path].shape = slot->shape;
  return all;
}

UNetConfig sd2_unet() {
  UNetConfig c;
  c.use_linear_projection = true;
  c.cross_attention_dim.assign(4, 1024);
  c.attention_head_dim = {5, 10, 20, 20};
  return c;
}

ClipTextConfig sd2_text(int layers) {
  ClipTextConfig c;
  c.hidden_size = 1024;
  c.intermediate_size = 4096;
  c.num_attention_heads = 16;
  c.num_hidden_layers = layers;
  c.hidden_act = "gelu";
  c.with_projection = true;
  return c;
}

CheckpointFiles single_file(const std::string& family, const UNetConfig& unet,
                            const ClipTextConfig& text) {
  CheckpointFiles files;
  files.layout = "single file";
  files.family = family;
  files.components["unet"] = placed(UNet(unet));
  files.components["vae"] = placed(AutoencoderKL(VaeConfig()));
  files.components["text_encoder"] = placed(ClipTextModel(text));
  return files;
}

std::string error_of(const CheckpointFiles& files, const SpecOverrides& overrides = {}) {
  try {
    describe_model(files, overrides);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Catalog, DerivesSd1FromShapesAlone) {
  const auto spec = describe_model(single_file("sd1", UNetConfig(), ClipTextConfig()));
  EXPECT_EQ(to_json(spec.unet), to_json(UNetConfig()));
  EXPECT_EQ(to_json(spec.vae), to_json(VaeConfig()));
  EXPECT_EQ(to_json(spec.text), to_json(ClipTextConfig()));
  EXPECT_EQ(spec.variant, "text-to-image");
  EXPECT_EQ(spec.prediction_type, "epsilon");
  EXPECT_EQ(spec.size_px, 512);
  EXPECT_EQ(spec.skipped_text_layers, 0);
  EXPECT_FALSE(spec.guidance_distilled);
}

TEST(Catalog, DerivesSd2AndSkipsTheUnusedLayer) {
  const auto spec = describe_model(single_file("sd2", sd2_unet(), sd2_text(24)));
  EXPECT_EQ(to_json(spec.unet), to_json(sd2_unet()));
  EXPECT_EQ(spec.text.hidden_act, "gelu");
  EXPECT_EQ(spec.text.num_attention_heads, 16);
  EXPECT_TRUE(spec.text.with_projection);
  EXPECT_EQ(spec.skipped_text_layers, 1);
  EXPECT_EQ(spec.prediction_type, "v_prediction");
  EXPECT_EQ(spec.size_px, 768);
  EXPECT_EQ(describe_model(single_file("sd2", sd2_unet(), sd2_text(23))).skipped_text_layers, 0);
}

TEST(Catalog, PredictionComesFromTheNearestSource) {
  auto files = single_file("sd2", sd2_unet(), sd2_text(24));
  files.hints["prediction_type"] = "epsilon";
  EXPECT_EQ(describe_model(files).prediction_type, "epsilon");
  EXPECT_EQ(describe_model(files).size_px, 512);
  files.configs["scheduler"] = {{"prediction_type", "sample"}};
  EXPECT_EQ(describe_model(files).prediction_type, "sample");
  EXPECT_EQ(describe_model(files, {.prediction_type = "v_prediction"}).prediction_type,
            "v_prediction");
  EXPECT_THAT(error_of(files, {.prediction_type = "magic"}), HasSubstr("magic"));
  files.hints["resolution"] = "640x640";
  EXPECT_EQ(describe_model(files).size_px, 640);
}

TEST(Catalog, TellsVariantsByTheirInput) {
  for (const auto& [channels, variant] : {std::pair{9, "inpainting"}, {8, "instruct-pix2pix"}}) {
    auto unet = UNetConfig();
    unet.in_channels = channels;
    EXPECT_EQ(describe_model(single_file("sd1", unet, ClipTextConfig())).variant, variant);
  }
  auto inpainting = sd2_unet();
  inpainting.in_channels = 9;
  EXPECT_EQ(describe_model(single_file("sd2", inpainting, sd2_text(24))).prediction_type,
            "epsilon");
  auto distilled = UNetConfig();
  distilled.time_cond_proj_dim = 256;
  EXPECT_TRUE(describe_model(single_file("sd1", distilled, ClipTextConfig())).guidance_distilled);
}

TEST(Catalog, RefusesKnownFamiliesByName) {
  for (const auto& [channels, name] :
       {std::pair{5, "depth"}, {7, "upscaler"}, {6, "6 input channels"}}) {
    auto unet = UNetConfig();
    unet.in_channels = channels;
    EXPECT_THAT(error_of(single_file("sd1", unet, ClipTextConfig())), HasSubstr(name));
  }
  for (const auto& [pipeline, name] : {std::pair{"StableDiffusionXLPipeline", "SDXL"},
                                       {"FluxPipeline", "Flux"},
                                       {"PixArtSigmaPipeline", "PixArt"}}) {
    CheckpointFiles files;
    files.configs["model_index"] = {{"_class_name", pipeline}};
    EXPECT_THAT(error_of(files), HasSubstr(name));
  }
  CheckpointFiles unnamed;
  unnamed.components["transformer"]["x"].shape = {1};
  EXPECT_THAT(error_of(unnamed), HasSubstr("not yet supported"));
}

TEST(Catalog, DerivesATransformerFromShapesAlone) {
  MMDiTConfig medium;  // as SD 3.5 medium is, but for its size
  medium.num_layers = 3;
  medium.dual_attention_layers = {0, 1};
  medium.qk_norm = "rms_norm";
  medium.attention_head_dim = 32;
  medium.num_attention_heads = 4;
  medium.caption_projection_dim = 128;
  CheckpointFiles files;
  files.family = "sd3";
  files.components["transformer"] = placed(MMDiT(medium));
  VaeConfig vae;
  vae.latent_channels = 16;
  files.components["vae"] = placed(AutoencoderKL(vae));
  const auto spec = describe_model(files);
  EXPECT_EQ(to_json(spec.transformer), to_json(medium));
  EXPECT_TRUE(spec.has_transformer);
  EXPECT_FALSE(spec.has_unet);
  EXPECT_EQ(spec.prediction_type, "flow");
  EXPECT_EQ(spec.variant, "text-to-image");
  EXPECT_EQ(spec.size_px, 1024);
  EXPECT_EQ(spec.vae.scaling_factor, 1.5305);
  EXPECT_EQ(spec.vae.shift_factor, 0.0609);
  files.components["transformer"].erase("pos_embed.proj.weight");
  EXPECT_THAT(error_of(files), HasSubstr("pos_embed.proj.weight"));
}

TEST(Catalog, ASchedulerOfFlowMatchingMeansFlow) {
  auto files = single_file("sd1", UNetConfig(), ClipTextConfig());
  files.configs["scheduler"] = {{"_class_name", "FlowMatchEulerDiscreteScheduler"}};
  EXPECT_EQ(describe_model(files).prediction_type, "flow");
}

TEST(Catalog, NamesWhatIsMissing) {
  auto files = single_file("sd1", UNetConfig(), ClipTextConfig());
  files.components["unet"].erase("conv_in.weight");
  EXPECT_THAT(error_of(files), HasSubstr("conv_in.weight"));
  files = single_file("sd1", UNetConfig(), ClipTextConfig());
  files.components["vae"]["encoder.conv_in.weight"].shape = {128};
  EXPECT_THAT(error_of(files), HasSubstr("encoder.conv_in.weight"));
}

TEST(Catalog, KnowsTheTinyAutoencoder) {
  TinyVaeConfig config;
  config.latent_channels = 16;
  CheckpointFiles files;
  files.components["vae"] = placed(TinyAutoencoder(config));
  const auto spec = describe_model(files);
  EXPECT_TRUE(spec.tiny_vae);
  EXPECT_EQ(to_json(spec.tiny), to_json(config));
}

}  // namespace
}  // namespace sumi
