#include "data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "core/files.h"
#include "data/split.h"
#include "small_sources.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;
using testing::Contains;
using testing::Not;

class SmallWorld : public testing::Test {
 protected:
  SmallWorld() {
    write_small_sources(cache_.path());
    config_.sources = {"fluent-emoji-flat", "noto"};
    config_.size_px = 32;
    config_.seed = 5;
  }
  Dataset open(const std::string& split = "train") {
    auto config = config_;
    config.split = split;
    return Dataset(config, cache_.path());
  }
  TemporaryDirectory cache_;
  DatasetConfig config_;
};

TEST_F(SmallWorld, ASampleIsAFunctionOfSeedAndIndex) {
  const auto first = open();
  const auto again = open();
  std::set<std::string> captions;
  for (std::uint64_t i = 0; i < 50; ++i) {
    const auto sample = first.at(i);
    EXPECT_EQ(sample.picture, again.at(i).picture);
    EXPECT_EQ(sample.caption, again.at(i).caption);
    EXPECT_EQ(sample.caption, first.caption_at(i));
    EXPECT_EQ(sample.picture.width, 32);
    EXPECT_EQ(sample.picture.height, 32);
    captions.insert(sample.caption);
  }
  EXPECT_GT(captions.size(), 40u);
  config_.seed = 6;
  int same = 0;
  for (std::uint64_t i = 0; i < 50; ++i) same += open().caption_at(i) == first.caption_at(i);
  EXPECT_LT(same, 10);
}

/// A world of lemons and grapes in two sources, and two portraits of one's own.
TEST_F(SmallWorld, PortraitsStandBesideTheThingsListed) {
  const TemporaryDirectory people;
  const std::uint8_t colour[] = {200, 150, 90, 255};
  std::string lines;
  for (const char* name : {"person with glasses", "person with a beard"}) {
    const auto file = std::string(name) + ".png";
    save_image(people.path() / file, filled_image(20, 20, colour));
    lines += R"({"file_name": ")" + file + R"(", "caption": ")" + name +
             R"(", "group": "portrait"})" + "\n";
  }
  write_file(people.path() / "metadata.jsonl", std::string_view(lines));
  config_.folders = {{.path = people.path().string(), .style = "portrait", .cut_outs = true}};
  config_.concepts = {"grapes"};
  config_.in_all_sources = true;
  config_.scenes.pairs = 0.5;
  for (const double share : {0.3, 0.8}) {
    config_.scenes.portraits = share;
    const auto world = open("scorer");
    EXPECT_EQ(world.concepts(),
              (std::vector<std::string>{"grapes", "person with a beard", "person with glasses"}));
    int people_shown = 0;
    for (std::uint64_t i = 0; i < 400; ++i) {
      const auto caption = world.caption_at(i);
      const bool person = caption.find("person") != caption.npos;
      people_shown += person;
      EXPECT_FALSE(person && caption.find("grapes") != caption.npos) << caption;
    }
    EXPECT_NEAR(people_shown / 400.0, share, 0.08);
  }
}

// The compositions that shipped weights were trained on can be made again.
TEST_F(SmallWorld, CompositionsDoNotChangeBetweenVersions) {
  const auto dataset = open();
  EXPECT_EQ(dataset.caption_at(0), "cartoon emoji of grapes on a blue ground");
  EXPECT_EQ(dataset.caption_at(1'000'000'007),
            "cartoon emoji of an umbrella on a yellow background");
}

TEST_F(SmallWorld, SplitsKeepTheirThingsApart) {
  const auto train = open(), held_out = open("held_out"), validation = open("validation_concepts"),
             scorer = open("scorer");
  EXPECT_THAT(train.concepts(), Not(Contains("owl")));
  EXPECT_THAT(train.concepts(), Not(Contains("butterfly")));
  EXPECT_EQ(held_out.concepts(), std::vector<std::string>{"owl"});
  EXPECT_EQ(validation.concepts(), std::vector<std::string>{"butterfly"});
  EXPECT_THAT(scorer.concepts(), Contains("owl"));
  for (const auto& row : train.rows())
    EXPECT_FALSE(row.style == "flat emoji" && row.name == "lion");
  const auto pairs = open("held_out_pairs");
  EXPECT_EQ(pairs.concepts(), std::vector<std::string>{"lion"});
  EXPECT_EQ(open("validation").concepts(), train.concepts());
}

TEST_F(SmallWorld, SplitsNeverShareAPicture) {
  const auto train = open(), validation = open("validation"), scorer = open("scorer");
  const auto picture = [](const Dataset& dataset, std::uint64_t index) {
    const auto pixels = dataset.at(index).picture.pixels;
    return std::string(pixels.begin(), pixels.end());
  };
  std::set<std::string> seen;
  for (std::uint64_t i = 0; i < 300; ++i) seen.insert(picture(train, i));
  for (std::uint64_t i = 0; i < 300; ++i) {
    EXPECT_FALSE(seen.contains(picture(validation, i))) << i;
    EXPECT_FALSE(seen.contains(picture(scorer, i))) << i;
  }
}

TEST_F(SmallWorld, SelectionsAreObeyed) {
  config_.concepts = {"cat", "dog", "guitar"};
  EXPECT_EQ(open().concepts(), (std::vector<std::string>{"cat", "dog", "guitar"}));
  config_.in_all_sources = true;
  EXPECT_EQ(open().concepts(), (std::vector<std::string>{"cat", "dog"}));
  config_.concepts = {};
  config_.groups = {"food-drink"};
  EXPECT_EQ(open().concepts(), (std::vector<std::string>{"grapes", "red apple"}));
  config_.concept_limit = 1;
  EXPECT_EQ(open().concepts(), (std::vector<std::string>{"red apple"}));
}

TEST_F(SmallWorld, WrongConfigsAreErrors) {
  const auto refused = [&](auto change) {
    auto config = config_;
    change(config);
    EXPECT_THROW(Dataset(config, cache_.path()), Error);
  };
  refused([](auto& c) { c.concepts = {"cat", "gryphon"}; });
  refused([](auto& c) { c.sources = {"nothing"}; });
  refused([](auto& c) { c.sources = {}; });
  refused([](auto& c) { c.sources = {"twemoji"}; });
  refused([](auto& c) { c.split = "test"; });
  refused([](auto& c) { c.size_px = 0; });
  refused([](auto& c) { c.scenes.pairs = 1.5; });
  refused([](auto& c) { c.scenes.tags = -0.1; });
  refused([](auto& c) { c.groups = {"people"}; });
}

TEST_F(SmallWorld, SpritesAreDrawnOnce) {
  open();
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(cache_.path() / "sprites"))
    files.push_back(entry.path());
  ASSERT_EQ(files.size(), 2u);  // one for each source
  const auto written = fs::last_write_time(files[0]);
  open("scorer");
  EXPECT_EQ(fs::last_write_time(files[0]), written);
  write_file(files[0], std::string_view("short\x10\0\0\0\0\0\0\0", 13));
  EXPECT_THROW(open(), Error);
}

TEST_F(SmallWorld, OwnPicturesComeWithTheirCaptions) {
  const TemporaryDirectory folder;
  const std::array<std::uint8_t, 3> colour = {10, 200, 30};
  save_image(folder.path() / "a.png", filled_image(40, 20, colour));
  write_file(folder.path() / "a.txt", std::string_view("a green wall"));
  write_file(folder.path() / "b.png", std::string_view("damaged"));
  write_file(folder.path() / "b.txt", std::string_view("a green floor"));
  config_.sources = {};
  config_.folders = {{folder.path().string(), "photo", false, 1}};
  const auto dataset = open("scorer");
  int damaged = 0;
  for (std::uint64_t i = 0; i < 40; ++i) {
    try {
      const auto sample = dataset.at(i);
      EXPECT_EQ(sample.caption, "a green wall");
      EXPECT_EQ(sample.picture.width, 32);
      EXPECT_EQ(sample.picture.pixels[1], 200);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("b.png"), std::string::npos);
      ++damaged;
    }
  }
  EXPECT_GT(damaged, 5);
  EXPECT_LT(damaged, 35);
}

TEST_F(SmallWorld, CutOutsThatCannotBeDrawnAreNamed) {
  const TemporaryDirectory folder;
  const std::array<std::uint8_t, 4> colour = {10, 200, 30, 255}, nothing = {0, 0, 0, 0};
  save_image(folder.path() / "cup.png", filled_image(40, 20, colour));
  save_image(folder.path() / "ghost.png", filled_image(40, 20, nothing));
  config_.sources = {};
  config_.folders = {{folder.path().string(), "sticker", true, 1}};
  const auto dataset = open("scorer");
  EXPECT_EQ(dataset.concepts(), std::vector<std::string>{"cup"});
  ASSERT_EQ(dataset.damaged().size(), 1u);
  EXPECT_NE(dataset.damaged()[0].find("ghost.png"), std::string::npos);
}

TEST(Worlds, ThatComeWithSumiAreReadable) {
  const auto world =
      read_dataset_config(fs::path(SUMI_SOURCE_DIR) / "recipes" / "worlds" / "default.json");
  EXPECT_EQ(world.size_px, 128);
  EXPECT_GE(world.concepts.size(), 100u);
  const std::set<std::string> different(world.concepts.begin(), world.concepts.end());
  EXPECT_EQ(different.size(), world.concepts.size());
  for (const auto& source : world.sources) EXPECT_NO_THROW(find_source(source));
}

}  // namespace
}  // namespace sumi
