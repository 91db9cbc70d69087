// Trainings over a folder of one's own pictures of which some cannot be read.
#include <gmock/gmock.h>

#include <memory>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "media/image.h"
#include "smallest.h"
#include "training/samples.h"
#include "training/train.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// 26 squares, "a square" to "z square", of which those of `damaged` are cut off in the middle,
/// empty or text.
std::string make_world(const fs::path& folder, const std::string& damaged) {
  fs::create_directories(folder / "pictures");
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    const auto file = folder / "pictures" / fmt::format("{}.png", letter);
    const auto shade = static_cast<std::uint8_t>(8 * (letter - 'a'));
    const std::array<std::uint8_t, 3> colour = {shade, 90, 200};
    save_image(file, filled_image(16, 16, colour));
    write_file(fs::path(file).replace_extension(".txt"), fmt::format("{} square", letter));
    const auto way = damaged.find(letter);
    if (way == std::string::npos) continue;
    const auto bytes = read_text_file(file);
    write_file(file, way % 3 == 0   ? bytes.substr(0, bytes.size() / 2)
                     : way % 3 == 1 ? std::string()
                                    : std::string("<html>404</html>"));
  }
  const Json world = {{"folders", Json::array({{{"path", (folder / "pictures").string()}}})},
                      {"size_px", 16}};
  write_file(folder / "world.json", world.dump());
  return (folder / "world.json").string();
}

bool is_damaged(const std::string& caption, const std::string& damaged) {
  return damaged.find(caption[0]) != std::string::npos;
}

/// How many damaged samples come before the last of the first `good` others.
std::uint64_t damaged_before(const Dataset& dataset, const std::string& damaged, int good) {
  std::uint64_t count = 0;
  for (std::uint64_t i = 0; good > 0; ++i) {
    if (is_damaged(dataset.caption_at(i), damaged))
      ++count;
    else
      --good;
  }
  return count;
}

Recipe short_recipe(const std::string& world) {
  Recipe recipe = smallest("autoencoder", world);
  recipe.trainer.samples = 240;
  recipe.trainer.validate_every = 120;
  recipe.trainer.save_every = 16;
  return recipe;
}

Runtime one_thread() {
  Runtime runtime;
  runtime.threads = 1;
  return runtime;
}

/// Trains until `samples` are seen, then asks to stop.
void train_until(const Recipe& recipe, const fs::path& output, std::int64_t samples) {
  Runtime runtime = one_thread();
  TrainCallbacks callbacks;
  callbacks.progress = [&](const ProgressState& state) {
    if (state.what.starts_with("training") && state.done >= samples) runtime.cancel.request();
  };
  EXPECT_THROW(train(recipe, output, runtime, callbacks), Cancelled);
}

std::string complaint_of(const Recipe& recipe, const fs::path& output) {
  try {
    train(recipe, output, one_thread());
  } catch (const Error& error) {
    return error.what();
  }
  return "no Error";
}

TEST(Damage, ReadersPassOverItWhateverTheOrderOfCalls) {
  const TemporaryDirectory folder;
  const auto dataset = open_world(make_world(folder.path(), "cmv"), "train");
  std::vector<std::string> expected;
  for (std::uint64_t i = 0; expected.size() < 96; ++i)
    if (const auto caption = dataset->caption_at(i); !is_damaged(caption, "cmv"))
      expected.push_back(caption);

  BatchReader reader(dataset, 0.2, torch::kCPU);
  std::vector<Draw> draws;
  std::vector<Batch> batches;
  std::vector<std::string> captions;
  Damage damage;
  for (int i = 0; i < 12; ++i) {
    draws.push_back({.first = 8 * i, .count = 8, .damaged = damage.count});
    batches.push_back(reader.read(draws.back()));
    damage.add(batches.back().damage);
    captions.insert(captions.end(), batches.back().captions.begin(), batches.back().captions.end());
  }
  EXPECT_EQ(captions, expected);
  EXPECT_EQ(damage.count, damaged_before(*dataset, "cmv", 96));
  EXPECT_GT(damage.count, 0u);
  for (const std::size_t i : {11u, 3u, 4u, 0u}) {
    const Batch again = reader.read(draws[i]);
    EXPECT_TRUE(again.pictures.equal(batches[i].pictures)) << i;
    EXPECT_EQ(again.captions, batches[i].captions) << i;
    EXPECT_EQ(again.damage.names, batches[i].damage.names) << i;
  }
}

/// What three processes read, each its blocks of two batches, is what one reads.
TEST(Damage, SharesOfSeveralReadersAreTheWhole) {
  for (const std::string damaged : {"", "cmv"}) {
    const TemporaryDirectory folder;
    const auto dataset = open_world(make_world(folder.path(), damaged), "train");
    BatchReader whole(dataset, 0.2, torch::kCPU);
    std::vector<std::unique_ptr<BatchReader>> readers;
    for (int i = 0; i < 3; ++i)
      readers.push_back(std::make_unique<BatchReader>(dataset, 0.2, torch::kCPU));
    Damage damage;
    for (int i = 0; i < 24; ++i) {
      Draw draw{.first = 4 * i, .count = 4, .damaged = damage.count};
      const Batch expected = whole.read(draw);
      draw.share = {8, 24, i % 2 * 4};
      const Batch batch = readers[static_cast<std::size_t>(i / 2 % 3)]->read(draw);
      EXPECT_TRUE(batch.pictures.equal(expected.pictures)) << i;
      EXPECT_EQ(batch.captions, expected.captions) << i;
      EXPECT_EQ(batch.damage.names, expected.damage.names) << i;
      damage.add(expected.damage);
    }
    EXPECT_EQ(damage.count > 0, !damaged.empty());
  }
}

TEST(Damage, IsCountedAndNamedAndResumedWithTheSameBytes) {
  const TemporaryDirectory folder;
  const Recipe recipe = short_recipe(make_world(folder.path(), "cmv"));
  const auto straight = folder.path() / "straight", pieces = folder.path() / "pieces";
  const auto whole = train(recipe, straight, one_thread());
  for (const std::int64_t stop : {8, 56, 200}) train_until(recipe, pieces, stop);
  const auto resumed = train(recipe, pieces, one_thread());

  const auto expected = damaged_before(*open_world(recipe.world, "train"), "cmv", 240);
  EXPECT_EQ(whole.samples, 240);
  EXPECT_EQ(whole.damage.count, expected);
  EXPECT_EQ(whole.damage.names.size(), std::min<std::size_t>(50, expected));
  std::set<std::string> files;
  for (const auto& name : whole.damage.names) files.insert(name.substr(name.find(".png") - 1, 5));
  EXPECT_EQ(files, (std::set<std::string>{"c.png", "m.png", "v.png"}));
  EXPECT_EQ(whole.validation_damage.count,
            damaged_before(*open_world(recipe.world, "validation"), "cmv", 16));
  EXPECT_THAT(read_text_file(straight / "log.jsonl"),
              HasSubstr(fmt::format("\"damaged\":{}", expected)));

  EXPECT_EQ(resumed.damage.count, whole.damage.count);
  EXPECT_EQ(resumed.damage.names, whole.damage.names);
  const auto weights = fs::path("model") / "vae" / "diffusion_pytorch_model.safetensors";
  for (const auto& file : {fs::path("log.jsonl"), weights})
    EXPECT_EQ(read_text_file(straight / file), read_text_file(pieces / file)) << file;
}

TEST(Damage, ChangesNothingWhereThereIsNone) {
  const TemporaryDirectory folder;
  Recipe recipe = short_recipe(make_world(folder.path(), ""));
  recipe.trainer.samples = 16;
  const auto summary = train(recipe, folder.path() / "out", one_thread());
  EXPECT_EQ(summary.damage.count, 0u);
  EXPECT_EQ(read_text_file(folder.path() / "out" / "log.jsonl").find("damaged"), std::string::npos);
}

TEST(Damage, AboveTheRateTheRunStopsAtTheSameSample) {
  const TemporaryDirectory folder;
  Recipe recipe = short_recipe(make_world(folder.path(), "cmv"));
  recipe.trainer.max_damaged = 0.05;
  const auto complaint = complaint_of(recipe, folder.path() / "straight");
  EXPECT_THAT(complaint, HasSubstr("samples are damaged, the last: sample "));
  EXPECT_THAT(complaint, testing::StartsWith("17 of "));
  train_until(recipe, folder.path() / "pieces", 64);
  EXPECT_EQ(complaint_of(recipe, folder.path() / "pieces"), complaint);

  recipe.trainer.max_damaged = 1.5;
  EXPECT_THAT(complaint_of(recipe, folder.path() / "other"), HasSubstr("trainer.max_damaged"));
}

TEST(Damage, AFolderWithoutAGoodPictureIsAnError) {
  const TemporaryDirectory folder;
  const Recipe recipe = short_recipe(make_world(folder.path(), "abcdefghijklmnopqrstuvwxyz"));
  EXPECT_THAT(complaint_of(recipe, folder.path() / "out"), HasSubstr("17 of 17 samples"));
}

}  // namespace
}  // namespace sumi
