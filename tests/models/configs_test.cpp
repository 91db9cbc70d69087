#include "models/configs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sumi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of(const Json& json) {
  try {
    read_unet_config(json, "unet/config.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(UNetConfig, SpreadsSingleValuesOverTheBlocks) {
  const auto config = read_unet_config(
      parse_json(
          R"({"_class_name": "UNet2DConditionModel", "block_out_channels": [32, 64], "norm_num_groups": 8,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"], "attention_head_dim": 4, "layers_per_block": 3,
        "cross_attention_dim": 96, "only_cross_attention": true, "time_cond_proj_dim": null, "act_fn": "silu"})",
          "json"),
      "unet");
  EXPECT_THAT(config.attention_head_dim, ElementsAre(4, 4));
  EXPECT_THAT(config.layers_per_block, ElementsAre(3, 3));
  EXPECT_THAT(config.cross_attention_dim, ElementsAre(96, 96));
  EXPECT_THAT(config.only_cross_attention, ElementsAre(true, true));
  EXPECT_TRUE(config.mid_block_only_cross_attention);
  EXPECT_EQ(config.time_cond_proj_dim, 0);
}

TEST(UNetConfig, WrittenConfigReadsBackTheSame) {
  UNetConfig config;
  config.attention_head_dim = {5, 10, 20, 20};
  config.time_cond_proj_dim = 256;
  const auto json = to_json(config);
  EXPECT_EQ(to_json(read_unet_config(json, "again")), json);
}

TEST(UNetConfig, IgnoresKeysWithoutMeaning) {
  EXPECT_EQ(error_of({{"_diffusers_version", "1"}, {"some_future_key", nullptr}, {"dropout", 0.1}}),
            "");
}

TEST(UNetConfig, RefusesAnotherArchitecture) {
  EXPECT_THAT(error_of({{"some_future_key", 1}}), HasSubstr("some_future_key"));
  EXPECT_THAT(error_of({{"addition_embed_type", "text_time"}}), HasSubstr("addition_embed_type"));
  EXPECT_THAT(error_of({{"act_fn", "gelu"}}), HasSubstr("act_fn"));
  EXPECT_THAT(error_of({{"down_block_types", {"A", "B", "C", "D"}}}), HasSubstr("\"A\""));
  EXPECT_THAT(error_of({{"down_block_types", Json::array({"DownBlock2D"})}}),
              HasSubstr("down_block_types needs 4"));
}

TEST(UNetConfig, RefusesNumbersThatDoNotFitTogether) {
  EXPECT_THAT(error_of({{"norm_num_groups", 7}}), HasSubstr("groups"));
  EXPECT_THAT(error_of({{"norm_num_groups", 0}}), HasSubstr("norm_num_groups"));
  EXPECT_THAT(error_of({{"attention_head_dim", 7}}), HasSubstr("heads"));
  EXPECT_THAT(error_of({{"attention_head_dim", 0}}), HasSubstr("attention_head_dim"));
  EXPECT_THAT(error_of({{"block_out_channels", Json::array()}}), HasSubstr("block_out_channels"));
  EXPECT_THAT(error_of({{"in_channels", -4}}), HasSubstr("in_channels"));
  EXPECT_THAT(error_of({{"in_channels", "four"}}), HasSubstr("in_channels"));
  EXPECT_NE(error_of(Json::array()), "");
}

TEST(ClipTextConfig, KnowsTheProjection) {
  EXPECT_FALSE(
      read_clip_text_config({{"architectures", {"CLIPTextModel"}}}, "text").with_projection);
  EXPECT_TRUE(read_clip_text_config({{"architectures", {"CLIPTextModelWithProjection"}}}, "text")
                  .with_projection);
  EXPECT_THROW(read_clip_text_config({{"hidden_act", "relu"}}, "text"), Error);
  EXPECT_THROW(read_clip_text_config({{"num_attention_heads", 7}}, "text"), Error);
}

TEST(VaeConfig, CountsItsPixelsPerLatent) {
  const auto config = read_model_config<VaeConfig>(
      {{"block_out_channels", {32, 64, 64}},
       {"down_block_types", std::vector<std::string>(3, "DownEncoderBlock2D")},
       {"up_block_types", std::vector<std::string>(3, "UpDecoderBlock2D")}},
      "vae");
  EXPECT_EQ(config.downscale(), 4);
  EXPECT_THROW(read_model_config<VaeConfig>({{"latents_mean", {0.1}}}, "vae"), Error);
}

}  // namespace
}  // namespace sumi
