#include "data/source_pictures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "data/bucket_figures.h"
#include "data/curate.h"
#include "data/dataset.h"
#include "data/source_names.h"
#include "data/split.h"
#include "small_sources.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// Two sources, one of them without a guitar, and a working folder.
class Fetched : public testing::Test {
 protected:
  Fetched() { write_small_sources(cache_.path()); }

  Collection read(const std::string& name) const {
    const fs::path paths[] = {name};
    return collect(paths, cache_.path());
  }

  TemporaryDirectory cache_, folder_;
};

TEST_F(Fetched, NamesComeWithTheSourcesThatHaveThem) {
  const auto among = fetched_sources(cache_.path());
  ASSERT_THAT(among, SizeIs(2));  // the list of names holds no pictures
  const auto names = source_names(among, cache_.path());
  ASSERT_THAT(names, SizeIs(12));
  EXPECT_EQ(names.front().name, "butterfly");
  EXPECT_THAT(names.front().sources, ElementsAre("fluent-emoji-flat", "noto"));
  EXPECT_EQ(names.back().name, "guitar");
  EXPECT_THAT(names.back().sources, ElementsAre("fluent-emoji-flat"));
  const Source* one[] = {&find_source("noto")};
  EXPECT_THAT(source_names(one, cache_.path()), SizeIs(11));
  const Source* listed[] = {&find_source("emojibase")};
  EXPECT_THROW(source_names(listed, cache_.path()), Error);
  EXPECT_THROW(fetched_sources(folder_.path()), Error);
}

TEST_F(Fetched, ASourceIsReadByItsName) {
  const auto found = read("noto");
  EXPECT_THAT(found.complaints, IsEmpty());
  EXPECT_THAT(found.notes, IsEmpty());
  ASSERT_THAT(found.pictures, SizeIs(11));
  for (const auto& picture : found.pictures) {
    EXPECT_TRUE(picture.has_caption);
    EXPECT_EQ(picture.row.licence, "Apache-2.0");
    EXPECT_EQ(picture.row.style, "cartoon emoji");
    EXPECT_EQ(picture.row.author, "Google Inc");
    EXPECT_TRUE(is_vector(picture.row));
  }
  EXPECT_EQ(found.pictures[0].row.caption, "a cartoon emoji of a red apple");
  EXPECT_EQ(found.pictures[5].row.caption, "a cartoon emoji of grapes");
  // The circle of noto, in the apple's own colour.
  const auto apple = load_picture(found.pictures[0].row, 10);
  EXPECT_EQ(apple.pixels[3], 0);
  const auto* middle = apple.pixels.data() + (5 * 10 + 5) * 4;
  EXPECT_GT(middle[0], middle[2] + 50);
  EXPECT_EQ(middle[3], 255);
}

TEST_F(Fetched, IconsAreLaidOutOnce) {
  const fs::path shard = read("noto").pictures[0].row.file;
  const auto written = read_text_file(shard);
  write_file(shard.parent_path() / "icons.json", std::string_view("no longer needed"));
  EXPECT_THAT(read("noto").pictures, SizeIs(11));
  EXPECT_EQ(read_text_file(shard), written);
}

TEST_F(Fetched, WhatIsCuratedOfASourceIsAWorld) {
  SurveyOptions quick;
  quick.threads = 1;
  const auto survey = take_survey(read("noto"), quick);
  for (const auto& facts : survey.facts) EXPECT_THAT(facts.error, IsEmpty());
  CurateOptions options;
  options.thresholds.keep_near = true;
  options.thresholds.min_sharpness = options.thresholds.min_contrast = 0;
  options.thresholds.max_plain = 1;
  options.licences = {"Apache-2.0"};
  const auto files = write_curated(survey, decide(survey, options), options, folder_.path(), 0);
  EXPECT_EQ(read_json(files.description)["licences"]["Apache-2.0"], 11);
  for (const bool cut_outs : {false, true}) {
    DatasetConfig config;
    config.folders.resize(1);
    config.folders[0].path = files.kept.string();
    config.folders[0].cut_outs = cut_outs;
    config.size_px = 16;
    config.split = "scorer";
    const Dataset world(config, cache_.path());
    EXPECT_THAT(world.damaged(), IsEmpty());
    EXPECT_THAT(world.rows(), SizeIs(11));
    EXPECT_THAT(world.at(0).caption, HasSubstr("cartoon emoji"));
    EXPECT_EQ(world.at(0).picture.width, 16);
  }
}

/// "thing 7": a name on a side of the fixed split.
std::string name_on(ConceptSide side, bool held_out_pair = false) {
  for (int i = 0;; ++i) {
    const auto name = "thing" + std::to_string(i);
    if (concept_side(name) == side && is_held_out_pair("cartoon emoji", name) == held_out_pair)
      return name;
  }
}

TEST_F(Fetched, CuratingKeepsTheFixedSplit) {
  auto data = read("noto");
  for (auto& picture : data.pictures) picture.row.name = name_on(ConceptSide::training);
  data.pictures[1].row.name = name_on(ConceptSide::held_out);
  data.pictures[2].row.name = name_on(ConceptSide::validation);
  data.pictures[3].row.name = name_on(ConceptSide::training, true);
  data.pictures[4].row.name = data.pictures[1].row.name;
  data.pictures[4].row.source = "folder:mine";  // whose names belong to nobody's split
  data.pictures[5].row.name = data.pictures[1].row.name;
  SurveyOptions quick;
  quick.threads = 1;
  auto survey = take_survey(std::move(data), quick);
  for (std::uint32_t i = 0; i < survey.facts.size(); ++i) ASSERT_EQ(survey.facts[i].group, i);
  survey.near.push_back({5, 6});
  survey.facts[6].group = 5;

  CurateOptions options;
  options.validation_percent = options.held_out_percent = 0;  // all others are for training
  options.thresholds.keep_near = true;
  options.thresholds.min_sharpness = options.thresholds.min_contrast = 0;
  options.thresholds.max_plain = 1;
  const auto decisions = decide(survey, options);
  std::vector<std::string> sides;
  for (const auto& decision : decisions) sides.push_back(decision.split);
  EXPECT_THAT(sides, ElementsAre("train", "held_out", "validation", "held_out_pairs", "train",
                                 "held_out", "held_out", "train", "train", "train", "train"));

  const auto files = write_curated(survey, decisions, options, folder_.path(), 0);
  DatasetConfig config;
  config.folders.resize(1);
  config.folders[0].path = files.kept.string();
  config.size_px = 16;
  for (const auto& [split, count] : {std::pair("train", 6u),
                                     {"validation", 1u},
                                     {"held_out_pairs", 1u},
                                     {"held_out", 3u},
                                     {"scorer", 11u}}) {
    config.split = split;
    EXPECT_THAT(Dataset(config, cache_.path()).rows(), SizeIs(count)) << split;
  }
}

TEST_F(Fetched, WhatLiesThereComesFirst) {
  const auto here = fs::current_path();
  fs::current_path(folder_.path());
  const std::uint8_t gray[] = {90};
  fs::create_directory("noto");
  std::string refused;
  try {
    read("noto");
  } catch (const Error& error) {
    refused = error.hint();
  }
  EXPECT_THAT(refused, HasSubstr("not as the source of that name"));
  save_image("noto/a.png", filled_image(8, 8, gray));
  const auto found = read("noto");
  EXPECT_THAT(found.pictures, SizeIs(1));
  EXPECT_THAT(found.notes, ElementsAre(HasSubstr("noto is read as what lies there")));
  fs::current_path(here);
}

TEST_F(Fetched, WhatIsNotFetchedSaysHowToGetIt) {
  try {
    read("twemoji");
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.hint(), HasSubstr("sumi data fetch twemoji"));
  }
  EXPECT_THROW(read("notwemoji"), Error);
  const fs::path paths[] = {"noto"};
  EXPECT_THROW(collect(paths), Error);  // worlds name sources of their own
}

TEST(Buckets, TellWhatIsCutAway) {
  EXPECT_DOUBLE_EQ(cropped_share({100, 100}, {50, 50}), 0);
  EXPECT_DOUBLE_EQ(cropped_share({200, 100}, {1, 1}), 0.5);
  EXPECT_DOUBLE_EQ(cropped_share({100, 300}, {64, 128}), 1 - 2.0 / 3);
  const PixelSize shapes[] = {{512, 512}, {700, 700}, {400, 400}, {900, 300}, {1024, 512}};
  const auto figures = bucket_figures(shapes, 512, {.step_px = 64, .max_aspect = 2});
  std::size_t pictures = 0;
  for (const auto& figure : figures) {
    pictures += figure.pictures;
    if (figure.size == PixelSize{512, 512}) {
      EXPECT_EQ(figure.pictures, 3u);
      EXPECT_EQ(figure.cropped, 0);
      EXPECT_EQ(figure.enlarged, 1u);  // 400 x 400
    } else if (figure.pictures > 0) {
      EXPECT_EQ(figure.size, (PixelSize{640, 384}));  // the widest within 2 : 1
      EXPECT_NEAR(figure.cropped, (1 - 640.0 / 384 / 3 + 1 - 640.0 / 384 / 2) / 2, 1e-12);
      EXPECT_EQ(figure.enlarged, 1u);  // 900 x 300 is lower than 384
    }
  }
  EXPECT_EQ(pictures, 5u);
  EXPECT_THROW(bucket_figures(shapes, 512, {.step_px = 4}), Error);
}

}  // namespace
}  // namespace sumi
