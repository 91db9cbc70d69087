// `sumi eval` as users meet it: a scorer trained on a folder of pictures, the model that comes with
// Sumi judged by it.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <array>

#include "../reference/inception/formulas.h"
#include "core/json.h"
#include "media/image.h"
#include "program.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr int kSide = 128;

/// A world of 16 coloured pictures of the size that Sumi's own model draws, and a scorer that
/// learned from it.
class Eval : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = new TemporaryDirectory;
    setenv("SUMI_CACHE", (shared_->path() / "cache").c_str(), 1);
    fs::create_directories(shared_->path() / "pictures");
    for (int i = 0; i < 16; ++i) {
      const auto file = shared_->path() / "pictures" / fmt::format("{}.png", i);
      const auto shade = static_cast<std::uint8_t>(16 * i);
      save_image(file, filled_image(kSide, kSide, std::array<std::uint8_t, 3>{shade, 90, 200}));
      write_file(fs::path(file).replace_extension(".txt"), fmt::format("square {}", i));
    }
    write_world("world.json", kSide, "train");
    const Json recipe = {{"task", "image_text_scorer"},
                         {"world", "world.json"},
                         {"image_tower", {{"channels", {8, 8}}, {"embedding", 8}}},
                         {"text_encoder",
                          {{"hidden_size", 16},
                           {"intermediate_size", 16},
                           {"num_hidden_layers", 1},
                           {"num_attention_heads", 2}}},
                         {"tokenizer", {{"vocabulary_size", 530}, {"max_length", 16}}},
                         {"trainer", {{"samples", 64}, {"batch_size", 8}}},
                         {"validation_samples", 8},
                         {"threads", 1}};
    write_file(shared_->path() / "recipe.json", recipe.dump());
    const auto trained =
        run_sumi({"train", in_shared("recipe.json"), "--output", in_shared("scorer"), "--json"});
    ASSERT_EQ(trained.exit_code, 0) << trained.out << trained.err;
  }
  static void TearDownTestSuite() { delete shared_; }
  void SetUp() override {
    ASSERT_TRUE(fs::exists(SUMI_SOURCE_DIR "/models/default/model_index.json"));
  }
  static std::string in_shared(const std::string& name) {
    return (shared_->path() / name).string();
  }
  static void write_world(const std::string& name, int size_px, const std::string& split) {
    const Json world = {{"folders", Json::array({{{"path", in_shared("pictures")}}})},
                        {"size_px", size_px},
                        {"split", split}};
    write_file(shared_->path() / name, world.dump());
  }
  static std::vector<std::string> arguments(const std::vector<std::string>& more = {}) {
    std::vector<std::string> all = {"eval",
                                    "--scorer",
                                    in_shared("scorer"),
                                    "--world",
                                    in_shared("world.json"),
                                    "--split",
                                    "validation",
                                    "--count",
                                    "8",
                                    "--reference",
                                    "12",
                                    "--group",
                                    "4",
                                    "--steps",
                                    "2",
                                    "--threads",
                                    "1"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  static void expect_refused(const std::vector<std::string>& words, const std::string& complaint) {
    const auto outcome = run_sumi(words);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.out << outcome.err;
    EXPECT_THAT(outcome.out + outcome.err, HasSubstr(complaint));
  }
  static inline TemporaryDirectory* shared_ = nullptr;
};

TEST_F(Eval, TellsEveryFigureWithItsSettings) {
  const auto made = run_sumi(arguments({"--seed", "7", "-o", in_shared("sheet.png"), "--json"}));
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  const auto report = parse_json(made.out, "stdout");
  for (const auto* name : {"kid", "cmmd", "precision", "recall", "density", "coverage",
                           "clip_score", "prompt_identification", "real_prompt_identification"}) {
    ASSERT_TRUE(report.contains(name)) << name;
    EXPECT_TRUE(report.at(name).is_number()) << name;
    const auto& interval = report.at("intervals_95").at(name);
    EXPECT_LE(interval.at(0), report.at(name)) << name;
    EXPECT_GE(interval.at(1), report.at(name)) << name;
  }
  EXPECT_THAT(report.at("left_out").at("fid").get<std::string>(), HasSubstr("9 pictures"));
  EXPECT_GT(report.at("reconstruction").at("psnr_db"), 10);
  EXPECT_LE(report.at("reconstruction").at("ssim"), 1);
  EXPECT_EQ(report.at("memorisation").at("closest").size(), 8u);
  const auto& settings = report.at("settings");
  EXPECT_EQ(settings.at("pictures"), 8);
  EXPECT_EQ(settings.at("steps"), 2);
  EXPECT_EQ(settings.at("seed"), 7);
  EXPECT_EQ(settings.at("guidance_scale"), 3.0);
  EXPECT_EQ(settings.at("sampler"), "DPM++ 2M");
  EXPECT_EQ(settings.at("features").at("width"), 8);
  EXPECT_EQ(settings.at("features").at("xxh64").get<std::string>().size(), 16u);
  EXPECT_GT(load_image(in_shared("sheet.png")).width, kSide);
  EXPECT_GT(load_image(in_shared("sheet-nearest.png")).height, 8 * kSide);
}

TEST_F(Eval, AnswersOnlyWhatWasAsked) {
  const auto made = run_sumi(arguments({"--measures", "kid", "cmmd", "--json"}));
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  const auto report = parse_json(made.out, "stdout");
  EXPECT_TRUE(report.contains("kid"));
  EXPECT_TRUE(report.contains("cmmd"));
  for (const auto* name : {"fid", "precision", "reconstruction", "memorisation", "clip_score"})
    EXPECT_FALSE(report.contains(name)) << name;
}

TEST_F(Eval, FindsTrainingPicturesAmongRealOnes) {
  const auto made =
      run_sumi(arguments({"--split", "train", "--measures", "memorisation", "--json"}));
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  const auto found = parse_json(made.out, "stdout").at("real").at("memorisation");
  EXPECT_LT(found.at("pixels").at("smallest_ratio"), 1e-3);
  EXPECT_LT(found.at("features").at("smallest_ratio"), 1e-3);
}

TEST_F(Eval, MeasuresInFeaturesOfInception) {
  const auto weights = in_shared("inception.safetensors");
  write_formula_weights(weights, inception_plans(SUMI_SOURCE_DIR "/tests/reference/data/inception",
                                                 "inception_2015"));
  const auto figures = [](const std::vector<std::string>& more) {
    auto words = arguments({"--measures", "kid", "cmmd", "--json"});
    words.insert(words.end(), more.begin(), more.end());
    const auto made = run_sumi(words);
    EXPECT_EQ(made.exit_code, 0) << made.out << made.err;
    return parse_json(made.out, "stdout");
  };
  const auto plain = figures({}), seen = figures({"--features", weights});
  EXPECT_EQ(plain.at("settings").at("features").at("name"), "image-text scorer");
  EXPECT_EQ(plain.at("settings").at("cmmd_vectors"), "features");
  const auto& settings = seen.at("settings");
  EXPECT_EQ(settings.at("features").at("name"), "Inception v3 of TensorFlow, 2015-12-05");
  EXPECT_EQ(settings.at("features").at("file"), weights);
  EXPECT_EQ(settings.at("features").at("width"), 2048);
  EXPECT_EQ(settings.at("features").at("xxh64").get<std::string>().size(), 16u);
  EXPECT_EQ(settings.at("scorer"), plain.at("settings").at("scorer"));
  EXPECT_EQ(settings.at("cmmd_vectors"), "scorer");
  // The pictures are the same, and the scorer's vectors of them.
  EXPECT_NEAR(seen.at("cmmd"), plain.at("cmmd"), 1e-6 + 1e-4 * std::abs(double(plain.at("cmmd"))));
  EXPECT_NE(seen.at("kid"), plain.at("kid"));
  expect_refused(arguments({"--features", weights, "--measures", "fid"}),
                 "fid takes 2049 pictures");
}

TEST_F(Eval, RefusesWhatCannotBeJudged) {
  expect_refused(arguments({"--measures", "kidd"}), "kidd");
  expect_refused(arguments({"--count", "4", "--measures", "density"}), "density takes 6");
  expect_refused(arguments({"--split", "tests"}), "tests");
  expect_refused(arguments({"--reference", "1"}), "--reference is 1");
  expect_refused(arguments({"--steps", "-3"}), "steps");
  expect_refused(arguments({"--features", in_shared("nothing")}), "--features");
  expect_refused(arguments({"--features", SUMI_SOURCE_DIR
                            "/models/default/vae/diffusion_pytorch_model.safetensors"}),
                 "this is no Inception v3");
  expect_refused(arguments({"--features", in_shared("world.json")}), "world.json");
  write_world("small.json", 32, "train");
  expect_refused(arguments({"--world", in_shared("small.json")}), "draws 128 x 128 pixels");
}

TEST_F(Eval, BringsPicturesToTheWorldsSizeWhereAsked) {
  fs::copy(in_shared("scorer"), in_shared("smaller"), fs::copy_options::recursive);
  auto config = read_json(in_shared("smaller/model/config.json"));
  config["size_px"] = 32;
  write_file(in_shared("smaller/model/config.json"), config.dump());
  write_world("smaller.json", 32, "train");
  const auto made = run_sumi(
      arguments({"--world", in_shared("smaller.json"), "--scorer", in_shared("smaller"),
                 "--measures", "kid", "--resize", "-o", in_shared("small-sheet.png"), "--json"}));
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  const auto settings = parse_json(made.out, "stdout").at("settings");
  EXPECT_EQ(settings.at("size_px"), 32);
  EXPECT_EQ(settings.at("drawn_px"), Json::array({kSide, kSide}));
}

TEST_F(Eval, RefusesAScorerOfAnotherSize) {
  fs::copy(in_shared("scorer"), in_shared("other"), fs::copy_options::recursive);
  auto config = read_json(in_shared("other/model/config.json"));
  EXPECT_EQ(config.at("size_px"), kSide);
  config["size_px"] = 64;
  write_file(in_shared("other/model/config.json"), config.dump());
  expect_refused(arguments({"--features", in_shared("other")}), "learned from pictures of 64");
  config["size_px"] = "large";
  write_file(in_shared("other/model/config.json"), config.dump());
  expect_refused(arguments({"--features", in_shared("other")}), "size_px is no whole number");
}

TEST_F(Eval, StopsWhenAsked) {
  Program program(SUMI_PROGRAM, arguments({"--steps", "1000"}));
  ASSERT_TRUE(program.says("step"));
  kill(program.id(), SIGINT);
  EXPECT_EQ(program.wait().exit_code, 130);
}

}  // namespace
}  // namespace sumi
