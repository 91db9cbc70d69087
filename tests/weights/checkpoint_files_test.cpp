#include "weights/checkpoint_files.h"

#include <gmock/gmock.h>

#include "core/files.h"
#include "craft.h"
#include "expect_error.h"
#include "weights/inventory.h"
#include "weights/safetensors.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A file with one-byte tensors of these names and shapes of ones.
void write_names(const fs::path& file,
                 const std::vector<std::pair<std::string, int>>& names_and_ranks,
                 const std::map<std::string, std::string>& metadata = {}) {
  NamedViews views;
  for (const auto& [name, rank] : names_and_ranks)
    views.push_back({name,
                     {DType::u8, std::vector<std::int64_t>(static_cast<std::size_t>(rank), 1),
                      craft::as_bytes("x")}});
  write_safetensors(file, views, metadata);
}

class CheckpointFilesTest : public testing::Test {
 protected:
  fs::path at(const std::string& name) { return folder_.path() / name; }
  TemporaryDirectory folder_;
};

TEST_F(CheckpointFilesTest, FamiliesAreToldByNames) {
  const std::string unet = "model.diffusion_model.input_blocks.";
  write_names(at("sd1"), {{unet + "1.1.proj_in.weight", 4}});
  write_names(at("sd2"), {{unet + "1.1.proj_in.weight", 2}});
  write_names(at("text1"), {{unet + "0.0.bias", 1},
                            {"cond_stage_model.transformer.text_model.final_layer_norm.bias", 1}});
  write_names(at("early"),
              {{unet + "0.0.bias", 1}, {"cond_stage_model.transformer.final_layer_norm.bias", 1}});
  write_names(at("text2"), {{unet + "0.0.bias", 1}, {"cond_stage_model.model.ln_final.bias", 1}});
  write_names(at("vae"), {{"encoder.conv_in.weight", 4}, {"decoder.up.0.block.0.norm1.weight", 1}});
  const std::string joint = "model.diffusion_model.joint_blocks.";
  const std::string values(12, 'x');
  const auto vector = [&](const std::string& name, std::size_t size) {
    return NamedViews::value_type{joint + name,
                                  {DType::u8,
                                   {static_cast<std::int64_t>(size)},
                                   craft::as_bytes(std::string_view(values).substr(0, size))}};
  };
  write_safetensors(at("sd3"), {vector("0.x_block.attn.proj.bias", 2),
                                vector("0.context_block.adaLN_modulation.1.bias", 12),
                                vector("1.x_block.attn.proj.bias", 2),
                                vector("1.context_block.adaLN_modulation.1.bias", 4)});
  const auto sd3 = open_checkpoint_files(at("sd3"));
  EXPECT_EQ(sd3.family, "sd3");
  const auto& blocks = sd3.components.at("transformer");
  EXPECT_TRUE(blocks.contains("transformer_blocks.0.attn.to_out.0.bias"));
  EXPECT_EQ(blocks.at("transformer_blocks.0.norm1_context.linear.bias").change, KeyChange::none);
  EXPECT_EQ(blocks.at("transformer_blocks.1.norm1_context.linear.bias").change, KeyChange::swapped);
  EXPECT_EQ(open_checkpoint_files(at("sd1")).family, "sd1");
  EXPECT_EQ(open_checkpoint_files(at("sd2")).family, "sd2");
  EXPECT_EQ(open_checkpoint_files(at("text1")).family, "sd1");
  EXPECT_EQ(open_checkpoint_files(at("text2")).family, "sd2");
  EXPECT_EQ(open_checkpoint_files(at("vae")).family, "vae");
  const auto early = open_checkpoint_files(at("early"));
  EXPECT_TRUE(early.components.at("text_encoder").contains("text_model.final_layer_norm.bias"));
}

TEST_F(CheckpointFilesTest, UnknownOnesAreRefused) {
  write_names(at("sdxl"), {{"conditioner.embedders.0.transformer.x", 1},
                           {"model.diffusion_model.input_blocks.0.0.bias", 1}});
  write_names(at("other"), {{"layer.weight", 1}});
  write_names(at("extra"), {{"model.diffusion_model.out.0.bias", 1},
                            {"model.diffusion_model.input_blocks.0.0.bias", 1},
                            {"surprise", 1}});
  write_names(at("shape"), {{"first_stage_model.encoder.mid.attn_1.q.weight", 3}});
  const auto refused = [&](const std::string& name) {
    return error_of([&] { open_checkpoint_files(at(name)); });
  };
  EXPECT_THAT(refused("sdxl"), HasSubstr("SDXL"));
  EXPECT_THAT(refused("other"), HasSubstr("\"layer.weight\""));
  EXPECT_THAT(refused("extra"),
              HasSubstr("1 tensors have names that no sd1 single file has: \"surprise\""));
  EXPECT_THAT(refused("shape"), HasSubstr("does not fit its name"));
  fs::create_directory(at("empty"));
  EXPECT_THAT(refused("empty"), HasSubstr("neither"));
}

TEST_F(CheckpointFilesTest, HintsComeFromMetadataAndYaml) {
  const std::vector<std::pair<std::string, int>> names = {
      {"model.diffusion_model.input_blocks.0.0.bias", 1}};
  write_names(at("model.safetensors"), names,
              {{"modelspec.prediction_type", "epsilon"}, {"modelspec.resolution", "768x768"}});
  EXPECT_EQ(open_checkpoint_files(at("model.safetensors")).hints.at("prediction_type"), "epsilon");
  EXPECT_EQ(open_checkpoint_files(at("model.safetensors")).hints.at("resolution"), "768x768");
  write_file(at("model.yaml"),
             std::string_view("model:\n  params:\n    parameterization: \"v\"\n"));
  EXPECT_EQ(open_checkpoint_files(at("model.safetensors")).hints.at("prediction_type"),
            "v_prediction");
}

TEST_F(CheckpointFilesTest, TrainingLeftoversAreSetAside) {
  write_names(at("ema"), {{"model.diffusion_model.input_blocks.0.0.bias", 1},
                          {"model_ema.decay", 0},
                          {"betas", 1},
                          {"cond_stage_model.transformer.text_model.embeddings.position_ids", 2}});
  const auto files = open_checkpoint_files(at("ema"));
  EXPECT_EQ(files.unused.size(), 3u);
  EXPECT_EQ(files.components.size(), 1u);
}

TEST_F(CheckpointFilesTest, FoldersOfSeveralKinds) {
  fs::create_directories(at("f/unet"));
  fs::create_directories(at("f/vae"));
  fs::create_directories(at("f/tokenizer"));
  write_file(
      at("f/model_index.json"),
      std::string_view(
          R"({"_class_name":"P","unet":["diffusers","UNet2DConditionModel"],"vae":["diffusers","AutoencoderKL"],
    "tokenizer":["transformers","CLIPTokenizer"],"scheduler":["diffusers","DDIMScheduler"],"safety_checker":[null,null]})"));
  write_file(at("f/unet/config.json"),
             std::string_view(R"({"_class_name":"UNet2DConditionModel"})"));
  write_file(at("f/vae/config.json"), std::string_view(R"({"_class_name":"AutoencoderKL"})"));
  write_names(at("f/unet/diffusion_pytorch_model.fp16.safetensors"),
              {{"down_blocks.0.attentions.0.proj_in.weight", 2}});
  EXPECT_THAT(error_of([&] { open_checkpoint_files(at("f")); }), HasSubstr("no weights are in it"));
  write_names(at("f/vae/part-1.safetensors"),
              {{"decoder.mid_block.attentions.0.query.weight", 2}, {"decoder.conv_in.bias", 1}});
  write_file(
      at("f/vae/diffusion_pytorch_model.safetensors.index.json"),
      std::string_view(
          R"({"weight_map":{"decoder.mid_block.attentions.0.query.weight":"part-1.safetensors","decoder.conv_in.bias":"part-1.safetensors"}})"));
  const auto files = open_checkpoint_files(at("f"));
  EXPECT_EQ(files.family, "sd2");
  EXPECT_EQ(files.components.size(), 2u);
  EXPECT_TRUE(files.components.at("vae").contains("decoder.mid_block.attentions.0.to_q.weight"));
  EXPECT_TRUE(files.components.at("vae").contains("decoder.conv_in.bias"));
  EXPECT_EQ(files.tokenizer_folder, at("f/tokenizer"));
  EXPECT_EQ(files.configs.at("unet").at("_class_name"), "UNet2DConditionModel");
  EXPECT_EQ(open_checkpoint_files(at("f/unet")).layout, "component folder");
  write_file(at("f/model_index.json"),
             std::string_view(R"({"../f/unet":["diffusers","UNet2DConditionModel"]})"));
  EXPECT_THAT(error_of([&] { open_checkpoint_files(at("f")); }), HasSubstr("names the part"));
}

TEST_F(CheckpointFilesTest, Inventory) {
  write_names(at("text2"), {{"model.diffusion_model.input_blocks.0.0.bias", 1},
                            {"cond_stage_model.model.ln_final.bias", 1},
                            {"betas", 1}});
  const Inventory known = take_inventory(at("text2"));
  EXPECT_EQ(known.family, "sd2");
  ASSERT_EQ(known.parts.size(), 3u);
  EXPECT_EQ(known.parts[1].name, "unet");
  EXPECT_EQ(known.parts[1].dtypes.at("U8"), 1u);
  EXPECT_EQ(known.parts[2].name, "unused");
  write_names(at("lora"), {{"lora_unet_a.weight", 1}, {"lora_unet_a.alpha", 0}, {"lora_te_b", 1}},
              {{"ss_note", "x"}});
  const Json other = to_json(take_inventory(at("lora")));
  EXPECT_EQ(other.at("layout"), "weights");
  EXPECT_EQ(other.at("parts").size(), 2u);
  EXPECT_EQ(other.at("metadata").at("ss_note"), "x");
}

}  // namespace
}  // namespace sumi
