#include "data/provenance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "data/write_captions.h"
#include "small_sources.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;

class Provenance : public testing::Test {
 protected:
  void put(const fs::path& folder, int count, const std::string& licence) {
    fs::create_directories(folder);
    for (int i = 0; i < count; ++i) {
      const std::array<std::uint8_t, 3> colour = {static_cast<std::uint8_t>(i), 9, 9};
      save_image(folder / fmt::format("{}.png", i), filled_image(16, 16, colour));
      write_file(folder / fmt::format("{}.json", i),
                 fmt::format(R"({{"caption": "thing {}", "licence": "{}"}})", i, licence));
    }
  }
  Json told(const std::vector<fs::path>& folders) {
    DatasetConfig config;
    for (const auto& folder : folders) config.folders.push_back({folder.string(), "", false, 1});
    config.split = "scorer";
    config.size_px = 16;
    return provenance_of(Dataset(config, folder_.path() / "cache"));
  }
  TemporaryDirectory folder_;
};

TEST_F(Provenance, CountsLicencesAndHashesWhatIsThere) {
  put(folder_.path() / "a", 3, "MIT");
  put(folder_.path() / "b", 2, "");
  const auto data = told({folder_.path() / "a", folder_.path() / "b"});
  EXPECT_EQ(data["pictures"], 5);
  EXPECT_EQ(data["licences"]["MIT"], 3);
  EXPECT_EQ(data["licences"]["not stated"], 2);
  EXPECT_EQ(data["sources"]["own pictures"], 5);
  // Another place, another order, the same data.
  fs::rename(folder_.path() / "a", folder_.path() / "z");
  EXPECT_EQ(told({folder_.path() / "b", folder_.path() / "z"})["hash"], data["hash"]);
  write_file(folder_.path() / "z" / "1.json", R"({"caption": "thing 1", "licence": "CC0-1.0"})");
  EXPECT_NE(told({folder_.path() / "b", folder_.path() / "z"})["hash"], data["hash"]);
}

TEST_F(Provenance, TellsWhatCurateDecided) {
  put(folder_.path() / "a", 3, "MIT");
  write_file(folder_.path() / "a" / "dataset.json",
             R"({"hash": "h", "pictures": 3, "left_out": {"blurred": 2}, "thresholds": {}})");
  const auto data = told({folder_.path() / "a"});
  ASSERT_EQ(data["curated"].size(), 1u);
  EXPECT_EQ(data["curated"][0]["hash"], "h");
  EXPECT_EQ(data["curated"][0]["left_out"]["blurred"], 2);
  EXPECT_FALSE(data["curated"][0].contains("thresholds"));
}

TEST_F(Provenance, FetchedSourcesTellTheirLicence) {
  write_small_sources(folder_.path());
  DatasetConfig config;
  config.sources = {"noto"};
  config.split = "scorer";
  config.size_px = 16;
  const auto data = provenance_of(Dataset(config, folder_.path()));
  EXPECT_EQ(data["licences"].size(), 1u);
  EXPECT_EQ(data["licences"]["Apache-2.0"], data["pictures"]);
  EXPECT_EQ(data["sources"]["noto"], data["pictures"]);
}

TEST_F(Provenance, ATableTranslatesTagsAndCaptions) {
  const auto file = folder_.path() / "words.csv";
  write_file(file, "from,to\nhund,dog\nROT,red\nmist,\n");
  const auto table = read_translations(file);
  EXPECT_EQ(table.size(), 3u);
  Collection data;
  data.pictures.resize(1);
  auto& row = data.pictures[0].row;
  row.tags = {"Hund", "mist", "cat"};
  row.group = "hund";
  row.caption = "rot, ein Hund,Mist , HUND";
  translate(data, table);
  EXPECT_THAT(row.tags, testing::ElementsAre("dog", "cat"));
  EXPECT_EQ(row.group, "dog");
  EXPECT_EQ(row.caption, "red, ein Hund, dog");
  for (const char* bad : {"a,b,c\n", "a\n", ",b\n", "a,b\nA,c\n"}) {
    write_file(file, bad);
    EXPECT_THROW(read_translations(file), Error) << bad;
  }
}

}  // namespace
}  // namespace sumi
