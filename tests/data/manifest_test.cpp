#include "data/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "small_sources.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pair;

const Row* find(const std::vector<Row>& rows, const std::string& name) {
  for (const auto& row : rows)
    if (row.name == name) return &row;
  return nullptr;
}

TEST(Manifest, RowsHoldWhatIsKnown) {
  const TemporaryDirectory cache;
  write_small_sources(cache.path());
  const auto rows = manifest(find_source("noto"), cache.path());
  EXPECT_EQ(rows.size(), 11u);
  const auto* car = find(rows, "car");
  ASSERT_NE(car, nullptr);
  EXPECT_EQ(car->id, "noto/1f697");
  EXPECT_EQ(car->package, "@iconify-json/noto");
  EXPECT_EQ(car->licence, "Apache-2.0");
  EXPECT_EQ(car->style, "cartoon emoji");
  EXPECT_EQ(car->group, "travel-places");
  EXPECT_EQ(car->item, "icon-1F697");
  EXPECT_THAT(car->tags, ElementsAre("nice", "thing"));
  EXPECT_NE(find(rows, "umbrella"), nullptr);
  EXPECT_EQ(find(rows, "regional indicator a"), nullptr);
  ASSERT_NE(find(rows, "flag of France"), nullptr);
  EXPECT_LT(find(rows, "flag of France")->weight, 1);
}

TEST(Manifest, IsKeptAsJsonLines) {
  const TemporaryDirectory cache;
  write_small_sources(cache.path());
  const auto& source = find_source("fluent-emoji-flat");
  const auto rows = manifest(source, cache.path());
  save_rows(cache.path() / "copy.jsonl", rows);
  const auto copy = load_rows(cache.path() / "copy.jsonl");
  ASSERT_EQ(copy.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(to_json(copy[i]), to_json(rows[i]));
  EXPECT_EQ(manifest(source, cache.path()).size(), rows.size());
  write_file(cache.path() / "copy.jsonl", std::string_view("{\"id\": \"a\"}\n{\"idd\": 1}\n"));
  try {
    load_rows(cache.path() / "copy.jsonl");
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("copy.jsonl:2"), std::string::npos);
  }
}

TEST(Manifest, ASourceThatIsNotThereSaysHowToGetIt) {
  const TemporaryDirectory cache;
  try {
    manifest(find_source("twemoji"), cache.path());
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_NE(error.hint().find("sumi data fetch twemoji"), std::string::npos);
  }
  EXPECT_THROW(find_source("../etc"), Error);
}

TEST(Manifest, ClipArtTakesTitleKeywordsAndAuthorOrTheFileName) {
  const TemporaryDirectory cache;
  const auto folder =
      source_folder(find_source("openclipart"), cache.path()) / "usr/share/openclipart/svg/animals";
  fs::create_directories(folder);
  const auto art = [](const std::string& title) {
    return "<svg><metadata><dc:title>" + title +
           "</dc:title><rdf:li>bird</rdf:li><rdf:li>unsorted</"
           "rdf:li><dc:creator><cc:Agent><dc:title>Ann Lee</dc:title>"
           "</cc:Agent></dc:creator></metadata></svg>";
  };
  write_file(folder / "a_01.svg", art("Sitting Hen"));
  write_file(folder / "b_01.svg", art("rana01"));
  for (const char* name : {"hen", "duck", "goose", "swan", "gull", "crow", "robin"})
    write_file(folder / (std::string(name) + "_ann_lee_01.svg"), art("Birds of the world"));
  const auto rows = manifest(find_source("openclipart"), cache.path());
  EXPECT_EQ(rows.size(), 8u);
  ASSERT_NE(find(rows, "sitting hen"), nullptr);
  EXPECT_EQ(find(rows, "sitting hen")->author, "Ann Lee");
  EXPECT_EQ(find(rows, "sitting hen")->subgroup, "animals");
  EXPECT_THAT(find(rows, "sitting hen")->tags, ElementsAre("bird"));
  EXPECT_NE(find(rows, "goose"), nullptr);
}

TEST(Manifest, ClipArtOfFlagsStarsAndIconsIsNamedAndWeighedByItsFolder) {
  const TemporaryDirectory cache;
  const auto folder =
      source_folder(find_source("openclipart"), cache.path()) / "usr/share/openclipart/svg";
  const auto put = [&](const std::string& name, const std::string& title) {
    fs::create_directories((folder / name).parent_path());
    write_file(folder / name, "<svg><metadata><dc:title>" + title + "</dc:title></metadata></svg>");
  };
  put("flags/new_zealand_01.svg", "New Zealand");
  put("flags/signal_01.svg", "signalflag");
  put("shapes/stars/star_05pt02step.svg", "star 5 points 2 step");
  for (int i = 13; i < 33; ++i)
    put("shapes/stars/star_" + std::to_string(i) + "pt03step.svg", "star");
  put("computer/icons/pen_01.svg", "pen");
  put("tools/penna_01.svg", "pennello");
  put("tools/pen_01.svg", "pen");
  const auto rows = manifest(find_source("openclipart"), cache.path());
  std::map<std::string, double> weights;
  for (const auto& row : rows) weights[row.name] += row.weight;
  EXPECT_THAT(weights, ElementsAre(Pair("flag of New Zealand", 0.3), Pair("pen", 1.25),
                                   Pair("signal flag", 0.3), Pair("star with five points", 0.05),
                                   Pair("star with many points", DoubleNear(20 * 0.05, 1e-9))));
}

TEST(Manifest, OfFiveSkinTonesOneIsKept) {
  const TemporaryDirectory cache;
  write_small_sources(cache.path());
  const auto list_file =
      source_folder(find_source("emojibase"), cache.path()) / "package/en/data.json";
  auto list = read_json(list_file);
  std::set<int> tones;
  for (const char* label : {"raised hand", "waving hand", "ear", "nose", "teacher", "cook"}) {
    const auto code = "26" + std::to_string(list.size());
    Json entry = {{"label", label}, {"hexcode", code}, {"group", 3}, {"skins", Json::array()}};
    for (int tone = 1; tone <= 5; ++tone)
      entry["skins"].push_back({{"label", label + std::string(": skin tone ") + char('a' + tone)},
                                {"hexcode", code + "-1F3F" + char('A' + tone)},
                                {"tone", tone}});
    entry["skins"].push_back(
        {{"label", "two"}, {"hexcode", code + "-1F3FB-1F3FB"}, {"tone", {1, 1}}});
    list.push_back(entry);
  }
  write_file(list_file, std::string_view(list.dump()));
  const auto folder = source_folder(find_source("noto"), cache.path()) / "package";
  auto codes = read_json(folder / "chars.json");
  const auto some = codes.begin().value();
  auto icons = read_json(folder / "icons.json");
  for (const auto& entry : list)
    if (entry.contains("skins")) {
      const auto add = [&](const std::string& code) {
        icons["icons"]["i" + code] = icons["icons"][some.get<std::string>()];
        codes[code] = "i" + code;
      };
      add(entry["hexcode"]);
      for (const auto& skin : entry["skins"]) add(skin["hexcode"]);
    }
  write_file(folder / "icons.json", std::string_view(icons.dump()));
  write_file(folder / "chars.json", std::string_view(codes.dump()));
  const auto rows = manifest(find_source("noto"), cache.path());
  EXPECT_EQ(rows.size(), 11u + 6 * 2);
  for (const auto& row : rows)
    if (const auto at = row.name.find(" with skin tone "); at != row.name.npos)
      tones.insert(row.name.back());
  EXPECT_GT(tones.size(), 1u) << "not everybody in the same one";
}

TEST(Manifest, FoldersTakeCaptionsFromBesideTheirPictures) {
  const TemporaryDirectory folder;
  for (const char* name : {"b.png", "a.jpg", "red_car.webp", "note.md"})
    write_file(folder.path() / name, std::string_view("x"));
  write_file(folder.path() / "a.txt", std::string_view("two dogs\nin the snow \n"));
  const auto rows = folder_manifest(folder.path(), "photo", false);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].caption, "two dogs in the snow");
  EXPECT_EQ(rows[2].caption, "a red car");
  const auto things = folder_manifest(folder.path(), "sticker", true);
  EXPECT_EQ(things[2].name, "red car");
  EXPECT_EQ(things[2].caption, "");
  const TemporaryDirectory empty;
  EXPECT_THROW(folder_manifest(empty.path(), "", false), Error);
  EXPECT_THROW(folder_manifest(empty.path() / "absent", "", false), Error);
}

}  // namespace
}  // namespace sumi
