// What a run says about its memory, keeps to, and remembers; models stored in int8.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/json.h"
#include "core/processor.h"
#include "media/compare.h"
#include "media/image.h"
#include "program.h"

namespace sumi {
namespace {

using testing::HasSubstr;

const std::string kPrompt = "a 3d render of a red apple on a blue background";
/// How far a forecast may be from what was taken.
constexpr double kBound = 0.15;

class Memory : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::filesystem::exists(SUMI_SOURCE_DIR "/models/default/model_index.json"));
    setenv("SUMI_CACHE", path("cache").c_str(), 1);
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  Json draw(std::vector<std::string> more) const {
    std::vector<std::string> arguments = {"generate", kPrompt, "--seed", "5",
                                          "--steps",  "2",     "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto outcome = run_sumi(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
    return parse_json(outcome.out, "stdout");
  }
  TemporaryDirectory folder_;
};

double relative_error(const Json& report) {
  const double said = report.at("forecast").at("peak_memory_bytes").get<double>();
  const double taken = report.at("peak_memory_bytes").get<double>();
  return std::abs(said / taken - 1);
}

TEST_F(Memory, ForecastsAreNearWhatIsTaken) {
  const auto first = draw({"-o", path("a.png")});
  EXPECT_FALSE(first.at("forecast").at("remembered").get<bool>());
  EXPECT_LT(relative_error(first), kBound) << first.dump();
  EXPECT_GT(first.at("forecast").at("seconds").get<double>(), 0);
  const auto second = draw({"-o", path("b.png")});
  EXPECT_TRUE(second.at("forecast").at("remembered").get<bool>());
  EXPECT_LT(relative_error(second), kBound) << second.dump();
  const auto larger = draw({"-o", path("c.png"), "--size", "256x256"});
  EXPECT_FALSE(larger.at("forecast").at("remembered").get<bool>());
  EXPECT_LT(relative_error(larger), kBound) << larger.dump();
}

TEST_F(Memory, TheTinyModelIsForetoldToo) {
  const auto report =
      draw({"-o", path("a.png"), "-m",
            SUMI_SOURCE_DIR "/tests/reference/data/models/sd15_tiny/diffusers", "--size", "64x64"});
  EXPECT_LT(relative_error(report), kBound) << report.dump();
}

TEST_F(Memory, ADamagedMemoryOfRunsIsNoError) {
  std::filesystem::create_directories(path("cache"));
  for (const char* text : {"[1, 2]", "{\"runs\": 3, \"rates\": {}}", "not json"}) {
    write_file(path("cache") + "/runs.json", std::string_view(text));
    EXPECT_FALSE(draw({"-o", path("a.png")}).at("forecast").at("remembered").get<bool>());
    std::filesystem::remove(path("a.png"));
  }
}

TEST_F(Memory, ABudgetIsKeptOrRefused) {
  const auto report = draw({"-o", path("a.png"), "--memory", "1G"});
  EXPECT_LT(report.at("peak_memory_bytes").get<double>(), 1 << 30);
  EXPECT_THAT(report.at("forecast").at("plan").get<std::string>(), HasSubstr("at a time"));
  const auto little =
      run_sumi({"generate", kPrompt, "-o", path("b.png"), "--memory", "40M", "--json"});
  EXPECT_EQ(little.exit_code, 2);
  EXPECT_THAT(parse_json(little.out, "stdout").at("error").get<std::string>(),
              HasSubstr("does not fit into 40M"));
  EXPECT_THAT(parse_json(little.out, "stdout").at("hint").get<std::string>(),
              HasSubstr("the least that would do is"));
  const auto words = run_sumi({"generate", "x", "-o", path("b.png"), "--memory", "much"});
  EXPECT_EQ(words.exit_code, 2);
  EXPECT_FALSE(std::filesystem::exists(path("b.png")));
}

TEST_F(Memory, ModelsStoredInInt8DrawAndConvertBack) {
  if (!processor().vnni) GTEST_SKIP() << "this processor has no VNNI";
  const auto stored =
      run_sumi({"model", "convert", "default", path("int8"), "--to", "int8", "--json"});
  ASSERT_EQ(stored.exit_code, 0) << stored.out << stored.err;
  EXPECT_GT(parse_json(stored.out, "stdout").at("int8_weights").get<int>(), 10);
  const auto seen = run_sumi({"model", "inspect", path("int8")});
  EXPECT_THAT(seen.out, HasSubstr("weights as bytes with a scale for each output channel"));

  draw({"-o", path("original.png"), "--precision", "int8"});
  draw({"-o", path("stored.png"), "--precision", "int8", "-m", path("int8")});
  EXPECT_GT(psnr_db(load_image(path("original.png")), load_image(path("stored.png"))), 35);
  draw({"-o", path("plain.png"), "--precision", "fp32"});
  draw({"-o", path("out.png"), "--precision", "fp32", "-m", path("int8")});
  EXPECT_GT(psnr_db(load_image(path("plain.png")), load_image(path("out.png"))), 20);

  ASSERT_EQ(run_sumi({"model", "convert", path("int8"), path("back"), "--to", "f32"}).exit_code, 0);
  const auto inventory = parse_json(run_sumi({"model", "inspect", path("back"), "--json"}).out, "");
  for (const auto& part : inventory.at("parts")) EXPECT_EQ(part.at("int8_weights"), 0);
  draw({"-o", path("back.png"), "--precision", "fp32", "-m", path("back")});
  EXPECT_GT(psnr_db(load_image(path("out.png")), load_image(path("back.png"))), 50);
  EXPECT_EQ(
      run_sumi({"model", "convert", "default", path("one.safetensors"), "--to", "int8"}).exit_code,
      2);
}

}  // namespace
}  // namespace sumi
