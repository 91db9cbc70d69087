#include "data/collection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "data/csv.h"
#include "data/dataset.h"
#include "data/opt_out.h"
#include "data/shard.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class OwnData : public testing::Test {
 protected:
  void put(const std::string& name, std::string_view content) {
    fs::create_directories((folder_.path() / name).parent_path());
    write_file(folder_.path() / name, content);
  }
  void put_picture(const std::string& name, std::uint8_t gray = 90) {
    fs::create_directories((folder_.path() / name).parent_path());
    const std::uint8_t colour[] = {gray, 40, 200};
    save_image(folder_.path() / name, filled_image(12, 8, colour));
  }
  Collection read(const std::string& name = "") {
    const fs::path paths[] = {folder_.path() / name};
    return collect(paths);
  }
  TemporaryDirectory folder_;
};

TEST_F(OwnData, SidecarsGiveCaptionTagsLicenceAndAuthor) {
  put_picture("a.png");
  put("a.txt", "\xEF\xBB\xBF two  dogs\nin the snow \n");
  put_picture("b.jpg");
  put("b.json", R"({"caption": "a red car", "tags": "car, red ,", "license": "CC0-1.0",
                    "author": "Ann", "noai": "yes"})");
  put_picture("c.webp");
  put("c.json", "{broken");
  put_picture("d.png");
  put("d.txt", "noai");
  put("e.txt", "nothing to see");
  put("README.txt", "about this folder");
  const auto all = read();
  ASSERT_THAT(all.pictures, SizeIs(4));
  EXPECT_EQ(all.pictures[0].row.caption, "two dogs in the snow");
  const auto& b = all.pictures[1];
  EXPECT_EQ(b.row.caption, "a red car");
  EXPECT_THAT(b.row.tags, ElementsAre("car", "red"));
  EXPECT_EQ(b.row.licence, "CC0-1.0");
  EXPECT_EQ(b.row.author, "Ann");
  EXPECT_TRUE(b.opted_out);
  EXPECT_FALSE(all.pictures[2].has_caption);
  EXPECT_TRUE(all.pictures[3].opted_out);
  EXPECT_FALSE(all.pictures[3].has_caption);
  EXPECT_THAT(all.orphans, ElementsAre(HasSubstr("e.txt")));
  EXPECT_THAT(all.complaints, ElementsAre(HasSubstr("c.json")));
}

TEST_F(OwnData, MetadataAsHuggingFaceWritesIt) {
  put_picture("train/one.png");
  put_picture("train/two.png");
  put_picture("secret.png");
  put("train/metadata.jsonl",
      "{\"file_name\": \"one.png\", \"text\": \"first\", \"tags\": [\"x\"]}\n\nnonsense\n"
      "{\"file_name\": \"gone.png\", \"text\": \"?\"}\n{\"text\": \"?\"}\n"
      "{\"file_name\": \"../secret.png\", \"text\": \"out\"}\n"
      "{\"file_name\": \"/etc/passwd\", \"text\": \"out\"}\n");
  for (const char* path : {"train", "train/metadata.jsonl"}) {
    const auto all = read(path);
    EXPECT_EQ(all.pictures.front().row.caption, "first");
    EXPECT_THAT(all.orphans, ElementsAre(HasSubstr("gone.png")));
    EXPECT_THAT(all.complaints, SizeIs(4));
    EXPECT_THAT(all.complaints.front(), HasSubstr("metadata.jsonl:3"));
  }
  EXPECT_THAT(read("train").pictures, SizeIs(2));
}

TEST_F(OwnData, CsvKeepsQuotesAndNamesShortRecords) {
  put_picture("one.png");
  put("metadata.csv", "file_name,caption\r\none.png,\"a \"\"fine\"\", old\nhouse\"\r\ntwo.png\r\n");
  const auto all = read();
  EXPECT_EQ(all.pictures.front().row.caption, "a \"fine\", old house");
  EXPECT_THAT(all.complaints, ElementsAre(HasSubstr("record 2")));
  EXPECT_THROW(parse_csv("a,\"b", "x.csv"), Error);
  EXPECT_THROW(parse_csv("\"a\"b", "x.csv"), Error);
  const std::string hard = "say \"so\",\nor not";
  EXPECT_EQ(parse_csv(csv_field(hard) + ",z", "x")[0], (std::vector<std::string>{hard, "z"}));
}

TEST_F(OwnData, ShardsAreReadInPlaceAndTrainedOn) {
  put_picture("p.png");
  const auto png = read_text_file(folder_.path() / "p.png");
  fs::create_directories(folder_.path() / "shards");
  ShardWriter writer(folder_.path() / "shards", "s", 1u << 20);
  const ShardWriter::Part whole[] = {{"png", png}, {"txt", "a blue thing"}};
  const ShardWriter::Part bare[] = {{"json", "{\"caption\": \"no picture\"}"}};
  writer.add("../../0", whole);
  writer.add("1", bare);
  writer.finish();
  const auto all = read("shards");
  ASSERT_THAT(all.pictures, SizeIs(1));
  EXPECT_EQ(all.pictures[0].row.caption, "a blue thing");
  EXPECT_THAT(all.orphans, SizeIs(1));
  EXPECT_EQ(load_picture(all.pictures[0].row, 64), load_image(folder_.path() / "p.png"));

  DatasetConfig config;
  config.size_px = 8;
  config.split = "scorer";
  config.folders.emplace_back();
  config.folders[0].path = (folder_.path() / "shards").string();
  const Dataset dataset(config, folder_.path());
  EXPECT_EQ(dataset.at(0).caption, "a blue thing");
  EXPECT_EQ(dataset.at(0).picture.width, 8);

  fs::resize_file(folder_.path() / "shards/s-000000.tar", 530);
  EXPECT_THROW(load_picture(all.pictures[0].row, 64), Error);
  EXPECT_THROW(dataset.at(1), Error);
}

TEST_F(OwnData, ABrokenShardIsNamedAndTheRestIsRead) {
  put_picture("p.png");
  put("bad.tar", std::string(700, 'x'));
  const auto all = read();
  EXPECT_THAT(all.pictures, SizeIs(1));
  EXPECT_THAT(all.complaints, ElementsAre(HasSubstr("bad.tar")));
  EXPECT_THROW(read("bad.tar"), Error);
  EXPECT_THROW(read("absent"), Error);
  put("x.mp3", "sound");
  EXPECT_THROW(read("x.mp3"), Error);
}

TEST_F(OwnData, ListsOfRowsComeBackWithTheirSides) {
  put_picture("p.png");
  auto rows = std::vector<Row>{read().pictures[0].row};
  rows[0].caption = "a thing";
  rows[0].split = "validation";
  save_rows(folder_.path() / "kept.jsonl", rows);
  const auto all = read("kept.jsonl");
  ASSERT_THAT(all.pictures, SizeIs(1));
  EXPECT_EQ(to_json(all.pictures[0].row), to_json(rows[0]));
  DatasetConfig config;
  config.folders.emplace_back();
  config.folders[0].path = (folder_.path() / "kept.jsonl").string();
  config.split = "train";
  EXPECT_THROW(Dataset(config, folder_.path()), Error);
  config.split = "validation";
  EXPECT_EQ(Dataset(config, folder_.path()).rows().size(), 1u);
}

TEST(OptOut, MarkersAreWordsAndPropertiesNotPartsOfWords) {
  for (const char* yes :
       {"noai", "robots: NoAI, noindex", "noimageai",
        "plus:DataMining=\"http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-AIMLTRAINING\"",
        "<tdm:reservation>1</tdm:reservation>", "tdm-reservation: 1"})
    EXPECT_TRUE(says_no_ai(yes)) << yes;
  for (const char* no : {"", "a noair tank", "piano air", "DMI-ALLOWED", "tdm-reservation: 0"})
    EXPECT_FALSE(says_no_ai(no)) << no;
}

TEST_F(OwnData, OptOutsInsideThePictureKeepItOutOfTraining) {
  put_picture("a.png");
  SaveOptions options;
  options.infotext = "copyright Ann, noai";
  const std::uint8_t colour[] = {1, 2, 3};
  save_image(folder_.path() / "b.jpg", filled_image(9, 9, colour), options);
  EXPECT_THAT(folder_manifest(folder_.path(), "", false), SizeIs(1));
  fs::remove(folder_.path() / "a.png");
  EXPECT_THROW(folder_manifest(folder_.path(), "", false), Error);
}

}  // namespace
}  // namespace sumi
