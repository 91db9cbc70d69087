// The engine as users meet it: pictures from the model that comes with Sumi, replay, conversion,
// Ctrl-C.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "core/json.h"
#include "media/image.h"
#include "program.h"

namespace sumi {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const std::string kPrompt = "a 3d render of a red apple on a blue background";

class Engine : public testing::Test {
 protected:
  void SetUp() override {
    setenv("SUMI_CACHE", cache_.path().c_str(), 1);
    ASSERT_TRUE(std::filesystem::exists(SUMI_SOURCE_DIR "/models/default/model_index.json"));
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      found.push_back(entry.path().filename().string());
    return found;
  }
  TemporaryDirectory folder_;
  TemporaryDirectory cache_;  ///< what the user's own runs remembered is not looked at
};

TEST_F(Engine, DrawsAndReplaysTheSamePixels) {
  const auto made = run_sumi(
      {"generate", kPrompt, "--seed", "5", "--steps", "4", "-o", path("apple.png"), "--json"});
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  EXPECT_THAT(made.err, IsEmpty());
  const auto report = parse_json(made.out, "stdout");
  EXPECT_EQ(report.at("files"), Json({path("apple.png")}));
  EXPECT_EQ(report.at("seeds"), Json({5}));
  EXPECT_GT(report.at("seconds").get<double>(), 0);
  EXPECT_GT(report.at("peak_memory_bytes").get<double>(), 1e6);
  EXPECT_EQ(report.at("settings").at("prompt"), kPrompt);
  EXPECT_EQ(report.at("settings").at("steps"), 4);
  const auto info = run_sumi({"info", path("apple.png"), "--json"});
  EXPECT_EQ(parse_json(info.out, "info").at("generation").at("prompt"), kPrompt);
  const auto again = run_sumi({"replay", path("apple.png"), "-o", path("again.png"), "--json"});
  ASSERT_EQ(again.exit_code, 0) << again.out;
  EXPECT_TRUE(parse_json(again.out, "stdout").at("identical").get<bool>());
  EXPECT_EQ(load_image(path("again.png")), load_image(path("apple.png")));
}

TEST_F(Engine, PicturesOfABatchAreThoseOfSingleRuns) {
  const auto batch = run_sumi({"generate", kPrompt, "--seed", "7", "--count", "3", "--steps", "3",
                               "-o", folder_.path().string() + "/", "--json"});
  ASSERT_EQ(batch.exit_code, 0) << batch.out;
  ASSERT_EQ(run_sumi({"generate", kPrompt, "--seed", "8", "--steps", "3", "-o", path("one.png")})
                .exit_code,
            0);
  EXPECT_THAT(names(), testing::UnorderedElementsAre("7.png", "8.png", "9.png", "one.png"));
  EXPECT_EQ(load_image(path("one.png")), load_image(path("8.png")));
}

TEST_F(Engine, TheLiveModelDrawsInItsFewSteps) {
  const auto made = run_sumi(
      {"generate", kPrompt, "--model", "live", "--seed", "5", "-o", path("live.png"), "--json"});
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  const auto settings = parse_json(made.out, "stdout").at("settings");
  EXPECT_EQ(settings.at("model"), "live");
  EXPECT_EQ(settings.at("steps"), 4);
  EXPECT_EQ(settings.at("sampler"), "LCM");
  const auto picture = load_image(path("live.png"));
  EXPECT_EQ(picture.width, 128);
  // The ground it was asked for, seen in a corner.
  const auto* corner = picture.pixels.data();
  EXPECT_GT(corner[2], corner[0] + 60);
  EXPECT_GT(corner[2], corner[1] + 30);
}

/// How colourful a picture is: the mean distance between a pixel's largest and smallest channel.
double colourfulness(const Image& picture) {
  double sum = 0;
  for (std::size_t i = 0; i + 2 < picture.pixels.size(); i += 3) {
    const auto [low, high] =
        std::minmax({picture.pixels[i], picture.pixels[i + 1], picture.pixels[i + 2]});
    sum += high - low;
  }
  return sum * 3 / static_cast<double>(picture.pixels.size());
}

TEST_F(Engine, TheEditingModelDoesAsItIsTold) {
  ASSERT_EQ(run_sumi({"generate", kPrompt, "--seed", "1", "-o", path("apple.png")}).exit_code, 0);
  const auto made = run_sumi({"generate", "make it black and white", "--model", "editing",
                              "--image", path("apple.png"), "--seed", "1", "-o", path("gray.png")});
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  EXPECT_LT(colourfulness(load_image(path("gray.png"))),
            colourfulness(load_image(path("apple.png"))) / 3);
}

TEST_F(Engine, ConvertedModelsDrawTheSamePicture) {
  ASSERT_EQ(
      run_sumi({"model", "convert", "default", path("folder"), "--layout", "diffusers"}).exit_code,
      0);
  for (const auto& model : {std::string("default"), path("folder")})
    ASSERT_EQ(run_sumi({"generate", kPrompt, "--seed", "1", "--steps", "2", "-m", model, "-o",
                        path(model == "default" ? "a.png" : "b.png")})
                  .exit_code,
              0);
  EXPECT_EQ(load_image(path("a.png")), load_image(path("b.png")));
}

TEST_F(Engine, WhatWasTunedIsUsedUntilForgotten) {
  const auto tuned = run_sumi({"tune", "--seconds", "5", "--json"});
  ASSERT_EQ(tuned.exit_code, 0) << tuned.out << tuned.err;
  const auto report = parse_json(tuned.out, "stdout");
  const auto kept = report.at("kept");
  EXPECT_GT(report.at("trials").size(), 0u);
  EXPECT_EQ(kept.at("width"), 128);
  EXPECT_TRUE(kept.at("own_size").get<bool>());
  // Another choice than the model would make by itself, to see that it is followed.
  auto entries = read_json(cache_.path() / "tuning.json");
  ASSERT_EQ(entries.size(), 1u);
  const auto batch_size = [&] {
    const auto made = run_sumi(
        {"generate", kPrompt, "--seed", "5", "--steps", "1", "-o", path("tuned.png"), "--json"});
    return parse_json(made.out, "stdout").at("settings").at("batch_size");
  };
  entries[0]["batch_size"] = 3;
  write_file(cache_.path() / "tuning.json", entries.dump());
  EXPECT_EQ(batch_size(), 3);
  const auto forgotten = run_sumi({"tune", "--forget", "--json"});
  EXPECT_EQ(parse_json(forgotten.out, "stdout").at("forgotten"), 1);
  EXPECT_EQ(batch_size(), 0);
}

TEST_F(Engine, CtrlCEndsWithoutAFile) {
  Program program(SUMI_PROGRAM, {"generate", kPrompt, "--steps", "1000", "--count", "64",
                                 "--batch-size", "64", "-o", path("never.png")});
  ASSERT_TRUE(program.says("denoising"));
  kill(program.id(), SIGINT);
  const auto outcome = program.wait();
  EXPECT_EQ(outcome.exit_code, 130);
  EXPECT_THAT(outcome.err, HasSubstr("cancelled"));
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(Engine, RefusesWhatItCannotLoad) {
  write_file(path("bad.safetensors"), std::string_view("not weights at all, whatever the name"));
  const auto outcome =
      run_sumi({"generate", "x", "-m", path("bad.safetensors"), "-o", path("x.png"), "--json"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(parse_json(outcome.out, "stdout").at("error").get<std::string>(),
              HasSubstr("bad.safetensors"));
  EXPECT_THAT(names(), testing::ElementsAre("bad.safetensors"));
}

TEST_F(Engine, MasksOfAnotherSizeAreRefused) {
  const std::array<std::uint8_t, 3> red = {200, 10, 20};
  save_image(path("start.png"), filled_image(64, 64, red));
  save_image(path("mask.png"), filled_image(32, 64, red));
  const auto outcome = run_sumi({"generate", "x", "--image", path("start.png"), "--mask",
                                 path("mask.png"), "-o", path("x.png")});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("32x64"));
}

TEST(EngineProgram, TellsItsLibraries) {
  const auto outcome = Program(SUMI_ENGINE, {"--version", "--json"}).wait();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(parse_json(outcome.out, "stdout").at("libtorch").get<std::string>(), HasSubstr("."));
}

}  // namespace
}  // namespace sumi
