#include "training/recipe.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/files.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// The text of the Error that reading this recipe raises; empty when it raises none.
std::string complaint(const std::string& json) {
  const TemporaryDirectory folder;
  write_file(folder.path() / "recipe.json", json);
  try {
    read_recipe(folder.path() / "recipe.json");
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(Recipe, EveryShippedOneCanBeRead) {
  int count = 0;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(SUMI_SOURCE_DIR) / "recipes")) {
    if (entry.path().extension() != ".json") continue;
    if (entry.path().parent_path().filename() == "worlds") continue;
    for (const auto& stage : stages_of(entry.path())) {
      const Recipe recipe = read_recipe(stage);
      EXPECT_TRUE(fs::exists(recipe.world)) << entry.path();
    }
    ++count;
  }
  EXPECT_GE(count, 7);
}

TEST(Recipe, SaysWhichFieldIsWrong) {
  EXPECT_EQ(complaint(R"({"task": "image_text_scorer", "world": "w.json"})"), "");
  EXPECT_THAT(complaint(R"({"task": "juggling", "world": "w.json"})"),
              HasSubstr("task: unknown \"juggling\""));
  EXPECT_THAT(complaint(R"({"task": "image_text_scorer"})"), HasSubstr("world"));
  EXPECT_THAT(
      complaint(R"({"task": "image_text_scorer", "world": "w", "trainer": {"batch_size": 0}})"),
      HasSubstr("trainer.batch_size"));
  EXPECT_THAT(
      complaint(R"({"task": "image_text_scorer", "world": "w", "trainer": {"batchsize": 4}})"),
      HasSubstr("unknown key \"batchsize\""));
  EXPECT_THAT(complaint(R"({"task": "image_text_scorer", "world": "w", "storage": "fp8"})"),
              HasSubstr("storage"));
  EXPECT_THAT(complaint(R"({"task": "text_to_image", "world": "w"})"), HasSubstr("autoencoder"));
  EXPECT_THAT(complaint(R"({"task": "text_to_image", "world": "w", "autoencoder": "a",
                           "objective": {"caption_dropout": 1.5}})"),
              HasSubstr("caption_dropout"));
  EXPECT_THAT(complaint("{\"task\": "), HasSubstr("recipe.json"));
}

/// What the Error of a recipe with this part in it advises.
std::string advice(const std::string& part) {
  const TemporaryDirectory folder;
  write_file(folder.path() / "recipe.json",
             R"({"task": "text_to_image", "world": "w", "autoencoder": "a", )" + part + "}");
  try {
    read_recipe(folder.path() / "recipe.json");
    return "";
  } catch (const Error& error) {
    return error.hint();
  }
}

TEST(Recipe, KnowsWhatAMisspeltKeyMeant) {
  EXPECT_EQ(advice(R"("trainer": {"batchsize": 4})"), "did you mean \"batch_size\"?");
  EXPECT_EQ(advice(R"("objectives": {})"), "did you mean \"objective\"?");
  EXPECT_EQ(advice(R"("trainer": {"optimiser": {"wieght_decay": 0}})"),
            "did you mean \"weight_decay\"?");
  EXPECT_THAT(advice(R"("trainer": {"bananas": 4})"), testing::StartsWith("known here: samples, "));
}

TEST(Recipe, RangesOfObjectives) {
  for (const char* wrong :
       {R"("weighting": "maximal")", R"("min_snr_gamma": 0)", R"("p2_k": -1)", R"("p2_gamma": 11)",
        R"("timesteps": "late")", R"("logit_deviation": 0)", R"("logit_mean": 1e9)",
        R"("noise_offset": -0.1)", R"("pyramid_discount": 1)", R"("keep_tags": -1)",
        R"("shuffle_tags": "yes")"}) {
    EXPECT_NE(advice(std::string(R"("objective": {)") + wrong + "}"), "") << wrong;
  }
  EXPECT_EQ(advice(R"("objective": {"weighting": "p2", "timesteps": "logit_normal",
                      "noise_offset": 0.05, "pyramid_discount": 0.4, "shuffle_tags": true})"),
            "");
  EXPECT_NE(advice(R"("text_encoder_rate": -1)"), "");
  EXPECT_NE(advice(R"("trainer": {"optimiser": {"kind": "sgd"}})"), "");
  EXPECT_NE(advice(R"("trainer": {"result_profile": 0.1})"), "");
  EXPECT_NE(advice(R"("trainer": {"result_profile": 0.5, "profile_every": 100})"), "");
}

TEST(Recipe, TrainsTheNetworkThatItDescribes) {
  const TemporaryDirectory folder;
  const auto network = [&](const std::string& part) {
    write_file(folder.path() / "recipe.json",
               R"({"task": "text_to_image", "world": "w", "autoencoder": "a")" + part + "}");
    return read_recipe(folder.path() / "recipe.json").network;
  };
  const std::string flow = R"(, "scheduler": {"beta_schedule": "flow", "prediction_type": "flow"})";
  const std::string text = R"(, "text_encoder": {"hidden_size": 32, "num_attention_heads": 2})";
  const std::string transformer =
      R"(, "transformer": {"joint_attention_dim": 32, "pooled_projection_dim": 32})";
  EXPECT_EQ(network(""), "unet");
  EXPECT_EQ(network(flow + text + transformer), "transformer");
  EXPECT_EQ(network(flow + text + transformer + R"(, "unet": {}, "network": "unet")"), "unet");
  EXPECT_THROW(network(flow + text + transformer + R"(, "unet": {})"), Error);
  EXPECT_THROW(network(text + transformer), Error);  // not taught flow
  EXPECT_THROW(network(flow + transformer), Error);  // text of another width
  EXPECT_THROW(network(R"(, "network": "perceptron")"), Error);
}

TEST(Recipe, WhatItStartsFromSaysTheNetworks) {
  const TemporaryDirectory folder;
  const auto file = folder.path() / "recipe.json";
  const auto read = [&](const std::string& rest) {
    write_file(file, R"({"task": "text_to_image", "world": "w", "init_from": "default")" + rest);
    return read_recipe(file);
  };
  EXPECT_FALSE(read("}").scheduler_said);
  EXPECT_TRUE(read(R"(, "scheduler": {"rescale_betas_zero_snr": true}})").scheduler_said);
  for (const char* twice : {R"(, "unet": {}})", R"(, "transformer": {}})", R"(, "tokenizer": {}})",
                            R"(, "text_encoder": {}})", R"(, "network": "unet"})"})
    EXPECT_THROW(read(twice), Error) << twice;
  const Recipe recipe = read(R"(, "trainer": {"samples": 70}})");
  write_file(file, written(recipe).dump());
  const Recipe again = read_recipe(file);
  EXPECT_EQ(again.trainer.samples, 70);
  EXPECT_FALSE(again.scheduler_said);
  EXPECT_EQ(written(again), [&] {
    Json json = written(recipe);
    json["world"] = again.world;
    return json;
  }());
}

TEST(Recipe, StagesAreOtherRecipes) {
  const TemporaryDirectory folder;
  const auto file = folder.path() / "all.json";
  write_file(file, R"({"stages": ["a.json", "deeper/b.json"]})");
  EXPECT_EQ(stages_of(file),
            (std::vector<fs::path>{folder.path() / "a.json", folder.path() / "deeper" / "b.json"}));
  for (const char* wrong : {R"({"stages": []})", R"({"stages": "a.json"})", R"({"stages": [3]})",
                            R"({"stages": ["a.json"], "task": "autoencoder"})"}) {
    write_file(file, wrong);
    EXPECT_THROW(stages_of(file), Error) << wrong;
  }
  write_file(file, R"({"task": "autoencoder"})");
  EXPECT_EQ(stages_of(file), std::vector<fs::path>{file});
}

TEST(Recipe, ComesBackFromItsOwnJson) {
  Recipe recipe;
  recipe.task = "autoencoder";
  recipe.vae.block_out_channels = {8, 16};
  recipe.trainer.learning_rate.peak = 3e-4;
  Recipe copy;
  from_json(to_json(recipe), copy, "copy");
  EXPECT_EQ(to_json(copy), to_json(recipe));
  EXPECT_EQ(copy.vae.block_out_channels, (std::vector<int>{8, 16}));
}

}  // namespace
}  // namespace sumi
