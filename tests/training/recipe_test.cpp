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
    const Recipe recipe = read_recipe(entry.path());
    EXPECT_TRUE(fs::exists(recipe.world)) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 6);
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
