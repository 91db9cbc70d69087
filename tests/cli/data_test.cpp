// The data commands as users meet them: fetched sources by their names, and data that is wrong.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../data/small_sources.h"
#include "core/json.h"
#include "data/shard.h"
#include "media/image.h"
#include "program.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class DataCommands : public testing::Test {
 protected:
  void SetUp() override {
    setenv("SUMI_CACHE", cache_.path().c_str(), 1);
    fs::create_directory(path("mine"));
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  void put(const std::string& name, std::string_view bytes) { write_file(path(name), bytes); }
  void put_picture(const std::string& name, int number = 0) {
    Image picture{160, 160, 3, {}};
    std::uint32_t state = static_cast<std::uint32_t>(number) * 2654435761u + 1;
    for (int i = 0; i < 160 * 160 * 3; ++i)
      picture.pixels.push_back(
          static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24));
    save_image(path(name), picture);
  }
  TemporaryDirectory cache_, folder_;
};

TEST_F(DataCommands, NamesAreListed) {
  const auto none = run_sumi({"data", "list", "--names"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.err, HasSubstr("sumi data fetch"));
  write_small_sources(cache_.path());
  const auto all = run_sumi({"data", "list", "--names"});
  ASSERT_EQ(all.exit_code, 0) << all.err;
  EXPECT_THAT(all.out,
              AllOf(HasSubstr("\n2        red apple\n"), HasSubstr("\n1        guitar\n")));
  const auto one = run_sumi({"data", "list", "--names", "noto", "--json"});
  const auto names = parse_json(one.out, "stdout").at("names");
  EXPECT_EQ(names.size(), 11u);
  EXPECT_EQ(names[0], Json({{"name", "butterfly"}, {"sources", {"noto"}}}));
  EXPECT_EQ(run_sumi({"data", "list", "--names", "twemoji"}).exit_code, 2);
  const auto about = parse_json(run_sumi({"data", "list", "noto", "--json"}).out, "stdout");
  ASSERT_EQ(about.at("sources").size(), 1u);
  EXPECT_EQ(about["sources"][0]["fetched"], true);
}

TEST_F(DataCommands, ASourceIsInspectedByItsName) {
  write_small_sources(cache_.path());
  const auto outcome =
      run_sumi({"data", "inspect", "noto", "--threads", "1", "-o", path("noto.html"), "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const auto summary = parse_json(outcome.out, "stdout");
  EXPECT_EQ(summary["pictures"], 11);
  EXPECT_EQ(summary["without_caption"]["count"], 0);
  EXPECT_EQ(summary["balance"]["licences"]["most"][0]["name"], "Apache-2.0");
  EXPECT_EQ(summary["balance"]["styles"]["most"][0]["name"], "cartoon emoji");
  EXPECT_EQ(summary["buckets"]["size_px"], 512);
  EXPECT_THAT(content(path("noto.html")),
              AllOf(HasSubstr("a cartoon emoji of a red apple"), HasSubstr("512 × 512")));
}

TEST_F(DataCommands, BucketsAreCountedAtTheSizeAskedFor) {
  put_picture("mine/a.png");
  const auto outcome = run_sumi({"data", "inspect", path("mine"), "--bucket-size", "256",
                                 "--bucket-step", "32", "--threads", "1", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const auto buckets = parse_json(outcome.out, "stdout").at("buckets");
  EXPECT_EQ(buckets["step_px"], 32);
  std::size_t filled = 0;
  for (const auto& size : buckets["sizes"]) {
    if (size["pictures"] == 0) continue;
    ++filled;
    EXPECT_EQ(size["width"], 256);
    EXPECT_EQ(size["height"], 256);
    EXPECT_EQ(size["enlarged"], 1);
  }
  EXPECT_EQ(filled, 1u);
  for (const char* step : {"0", "7", "512"}) {
    const auto refused =
        run_sumi({"data", "inspect", path("mine"), "--bucket-size", "256", "--bucket-step", step});
    EXPECT_EQ(refused.exit_code, 2) << step;
    EXPECT_THAT(refused.err, HasSubstr("--bucket-step")) << step;
  }
}

TEST_F(DataCommands, EmptyFoldersAreRefused) {
  for (const auto& command :
       {std::vector<std::string>{"data", "inspect", path("mine"), "-o", path("report.html")},
        {"data", "curate", path("mine"), "-o", path("chosen")},
        {"data", "caption", path("mine"), "-o", path("captions.jsonl")}}) {
    const auto outcome = run_sumi(command);
    EXPECT_EQ(outcome.exit_code, 2) << command[1];
    EXPECT_THAT(outcome.err, HasSubstr("mine holds no pictures")) << command[1];
    EXPECT_THAT(outcome.err, HasSubstr("NAME.txt")) << command[1];
  }
  EXPECT_FALSE(fs::exists(path("report.html")));
  EXPECT_FALSE(fs::exists(path("captions.jsonl")));
}

TEST_F(DataCommands, CaptionsAloneAreNamed) {
  put("mine/fox.txt", "a fox");
  put("mine/owl.txt", "an owl");
  const auto outcome = run_sumi({"data", "inspect", path("mine"), "-o", path("report.html")});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("captions of 2 pictures"), HasSubstr("fox.txt")));
}

TEST_F(DataCommands, HalvesOfPairsAreCountedAndTheRestIsRead) {
  put_picture("mine/bare.png", 1);
  put_picture("mine/both.png", 2);
  put("mine/both.txt", "grain");
  put("mine/alone.txt", "no picture");
  const auto outcome = run_sumi({"data", "inspect", path("mine"), "--threads", "1", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const auto summary = parse_json(outcome.out, "stdout");
  EXPECT_EQ(summary["pictures"], 2);
  EXPECT_EQ(summary["captions_without_picture"]["first"], Json({path("mine/alone.txt")}));
  EXPECT_EQ(summary["without_caption"]["first"], Json({path("mine/bare.png")}));
}

TEST_F(DataCommands, BrokenFilesAreCountedAndLeftOut) {
  put_picture("mine/good.png", 1);
  put("mine/good.txt", "grain");
  const auto whole = content(path("mine/good.png"));
  put("mine/cut.png", std::string_view(whole).substr(0, whole.size() / 2));
  put("mine/none.jpg", "");
  put("mine/words.webp", "no picture at all");
  put("mine/bad.tar", "no archive");
  put("mine/metadata.jsonl", "{\"file_name\": \"good.png\", \"text\"\n");
  const auto report = run_sumi({"data", "inspect", path("mine"), "--threads", "1", "--json"});
  ASSERT_EQ(report.exit_code, 0) << report.out;
  const auto summary = parse_json(report.out, "stdout");
  EXPECT_EQ(summary["broken"]["count"], 3);
  EXPECT_EQ(summary["unreadable_records"]["count"], 2);
  const auto outcome = run_sumi({"data", "curate", path("mine"), "-o", path("chosen"), "--threads",
                                 "1", "--max-noise", "1000", "--max-blockiness", "1000", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const auto description = parse_json(outcome.out, "stdout");
  EXPECT_EQ(description["pictures"], 1);
  EXPECT_EQ(description["left_out"]["broken"], 3);
  const auto table = content(path("chosen/decisions.csv"));
  for (const char* name : {"cut.png", "none.jpg", "words.webp"})
    EXPECT_THAT(table, HasSubstr(path(std::string("mine/") + name) + ",no,broken"));
}

TEST_F(DataCommands, NothingButBrokenFilesIsRefusedByCurate) {
  put("mine/a.png", "\x89PNG\r\n\x1a\nnot");
  const auto outcome =
      run_sumi({"data", "curate", path("mine"), "-o", path("chosen"), "--threads", "1"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("not one of 1"), HasSubstr("decisions.csv")));
  EXPECT_FALSE(fs::exists(path("chosen/kept.jsonl")));
}

}  // namespace
}  // namespace sumi
