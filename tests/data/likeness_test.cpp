#include "data/likeness.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "data/dataset.h"
#include "data/near_pictures.h"
#include "data/split.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

/// "thingc": the first name of this kind that stands on a side.
std::string name_on(Side side, int number = 0) {
  for (int i = 0;; ++i) {
    const auto name = fmt::format("thing{}{}{}", char('a' + i / 676), char('a' + i / 26 % 26),
                                  char('a' + i % 26));
    if (side_of("clip art", name) == side && number-- == 0) return name;
  }
}

/// A bird-like figure; nearly the same for near values of `shift` and `hue`.
std::string bird(double shift, int hue) {
  return fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' width='100' height='100'><g fill='hsl({},80%,45%)'>"
      "<ellipse cx='50' cy='60' rx='40' ry='{}'/><circle cx='80' cy='25' r='18'/>"
      "<path d='M0 20L45 55L10 70Z'/></g></svg>",
      hue, 25 + shift);
}

constexpr const char* kHouse =
    "<svg xmlns='http://www.w3.org/2000/svg' width='100' height='100'><path fill='#a05020' "
    "d='M10 50H90V98H10Z'/><path fill='#402010' d='M2 50L50 2L98 50Z'/></svg>";

class Likeness : public testing::Test {
 protected:
  void put(const std::string& name, std::string svg) {
    svg.insert(std::min(svg.size(), svg.find('>') + 1),
               "<metadata xmlns:dc='dc'><dc:title>" + name + "</dc:title></metadata>");
    const auto folder =
        source_folder(find_source("openclipart"), cache_.path()) / "usr/share/openclipart/svg";
    fs::create_directories(folder);
    write_file(folder / (name + ".svg"), std::string_view(svg));
  }
  Dataset world(const std::string& split, double weight) const {
    DatasetConfig config;
    config.sources = {"openclipart"};
    config.size_px = 16;
    config.split = split;
    config.likeness.weight = weight;
    return {config, cache_.path()};
  }
  std::map<std::string, double> weights(const std::string& split, double weight) const {
    const auto dataset = world(split, weight);
    std::map<std::string, double> found;
    for (const auto& row : dataset.rows()) found[row.name] = row.weight;
    return found;
  }
  TemporaryDirectory cache_;
};

TEST_F(Likeness, FamiliesAreThoseThatLookAlike) {
  put("bird", bird(0, 10));
  put("dove", bird(0.5, 11));
  put("raven", bird(0, 250));  // the same in another colour
  put("house", kHouse);
  put("broken", "<svg>");
  auto rows = manifest(find_source("openclipart"), cache_.path());
  ASSERT_EQ(rows.size(), 5u);  // bird, broken, dove, house, raven
  EXPECT_THAT(near_families(rows, {}, cache_.path()), ElementsAre(0, 1, 0, 3, 4));
  LikenessConfig wide;
  wide.colour = 255;
  EXPECT_THAT(near_families(rows, wide, cache_.path()), ElementsAre(0, 1, 0, 3, 0));
  LikenessConfig narrow;
  narrow.colour = 0;
  EXPECT_THAT(near_families(rows, narrow, cache_.path()), ElementsAre(0, 1, 2, 3, 4));
  rows[2].caption = "a whole picture";
  EXPECT_THAT(near_families(rows, {}, cache_.path()), ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(Likeness, RepeatsAreWeighedDownOrLeftOut) {
  const auto first = name_on(Side::training), second = name_on(Side::training, 1),
             third = name_on(Side::training, 2);
  ASSERT_LT(first, second);
  put(first, bird(0, 10));
  put(second, bird(0.5, 11));
  put(third, kHouse);
  EXPECT_THAT(weights("train", 1), ElementsAre(Pair(first, 1), Pair(second, 1), Pair(third, 1)));
  EXPECT_THAT(weights("train", 0.25),
              ElementsAre(Pair(first, 1), Pair(second, 0.25), Pair(third, 1)));
  EXPECT_THAT(weights("train", 0), ElementsAre(Pair(first, 1), Pair(third, 1)));
}

TEST_F(Likeness, FamiliesDoNotCrossTheSplit) {
  const auto train = name_on(Side::training), other = name_on(Side::training, 1),
             validation = name_on(Side::validation), pair = name_on(Side::held_out_pair),
             held_out = name_on(Side::held_out);
  put(train, bird(0, 10));
  put(held_out, bird(0.5, 11));
  put(validation, kHouse);
  put(other, bird(0, 120));
  put(pair, bird(0.4, 121));
  for (const double weight : {0.0, 0.5}) {
    EXPECT_THAT(weights("held_out", weight), ElementsAre(Pair(held_out, 1)));
    EXPECT_THAT(weights("held_out_pairs", weight), ElementsAre(Pair(pair, 1)));
    EXPECT_THAT(weights("validation_concepts", weight), ElementsAre(Pair(validation, 1)));
    EXPECT_THROW(world("train", weight), Error) << "what is left repeats what is held out";
    EXPECT_EQ(weights("scorer", weight).size(), 5u);
  }
  EXPECT_EQ(weights("train", 1).size(), 2u);
}

TEST_F(Likeness, NumbersOutOfRangeAreNamed) {
  for (const auto& [field, config] : {std::pair("likeness.weight", LikenessConfig{1.5, 3, 6}),
                                      std::pair("likeness.distance", LikenessConfig{0, 13, 6}),
                                      std::pair("likeness.colour", LikenessConfig{0, 3, -1})}) {
    try {
      check(config);
      ADD_FAILURE() << field;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(field));
    }
  }
}

TEST(NearPictures, ManyOfOneHashAreJoinedByIt) {
  std::vector<PictureMeasures> measures(600);
  for (std::size_t i = 0; i < measures.size(); ++i) {
    measures[i].hash = 7;
    measures[i].colours.fill(static_cast<std::uint8_t>(i % 2 * 200));
  }
  std::vector<const PictureMeasures*> pointers;
  for (const auto& one : measures) pointers.push_back(&one);
  EXPECT_EQ(near_pictures(pointers, 3, 6).size(), 599u);
  pointers.resize(4);  // few are compared: two dark, two light
  EXPECT_THAT(near_pictures(pointers, 3, 6), UnorderedElementsAre(NearPair{0, 2}, NearPair{1, 3}));
  measures[1].hash = measures[3].hash = 0xff00;
  EXPECT_EQ(near_pictures(pointers, 10, 255).size(), 2u) << "they are 11 bits apart";
  EXPECT_EQ(near_pictures(pointers, 11, 255).size(), 6u);
}

}  // namespace
}  // namespace sumi
