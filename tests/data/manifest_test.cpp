#include "data/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "small_sources.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;
using testing::ElementsAre;

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
