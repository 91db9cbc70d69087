// Training as users start it with something wrong: told before work is lost.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include <csignal>
#include <map>

#include "core/json.h"
#include "media/image.h"
#include "program.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

/// Twelve small pictures with captions and a recipe over them.
class Train : public testing::Test {
 protected:
  void SetUp() override {
    setenv("SUMI_CACHE", path("cache").c_str(), 1);
    fs::create_directory(path("pictures"));
    for (int i = 0; i < 12; ++i) {
      const std::array<std::uint8_t, 3> colour = {static_cast<std::uint8_t>(20 * i), 90, 200};
      save_image(path("pictures/" + std::to_string(i) + ".png"), filled_image(16, 16, colour));
      put("pictures/" + std::to_string(i) + ".txt", "square " + std::to_string(i));
    }
    put("world.json", Json({{"folders", Json::array({{{"path", "pictures"}}})},
                            {"size_px", 16},
                            {"split", "scorer"}})
                          .dump());
    recipe_ = read_json(SUMI_SOURCE_DIR "/recipes/smallest/autoencoder.json");
    recipe_["world"] = "world.json";
    recipe_["trainer"]["samples"] = 320;
    recipe_["trainer"]["validate_every"] = 320;
    recipe_["trainer"]["log_every"] = 320;
    recipe_["trainer"]["save_every"] = 40;
  }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  void put(const std::string& name, const std::string& text) {
    write_file(path(name), std::string_view(text));
  }
  std::vector<std::string> arguments() {
    put("recipe.json", recipe_.dump());
    return {"train", path("recipe.json"), "-o", path("out"), "--threads", "1"};
  }
  Outcome train() { return run_sumi(arguments()); }

  /// Files of the run that must not change by what goes wrong, by name.
  std::map<std::string, std::string> files(const std::string& below) const {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(path(below)))
      if (entry.is_regular_file())
        found[entry.path().lexically_relative(path(below)).string()] = content(entry.path());
    return found;
  }

  Json recipe_;
  TemporaryDirectory folder_;
};

TEST_F(Train, WorldsWithoutPicturesAreRefused) {
  fs::create_directory(path("empty"));
  put("world.json", R"({"folders": [{"path": "empty"}], "size_px": 16})");
  const auto empty = train();
  EXPECT_EQ(empty.exit_code, 2);
  EXPECT_THAT(empty.err, HasSubstr("empty holds no pictures"));
  put("empty/fox.txt", "a fox");
  const auto words = train();
  EXPECT_EQ(words.exit_code, 2);
  EXPECT_THAT(words.err, AllOf(HasSubstr("captions of 1 picture"), HasSubstr("fox.txt")));
}

TEST_F(Train, AMisspeltKeyIsAnsweredWithTheNearest) {
  recipe_["trainer"]["acumulation"] = 2;
  const auto outcome = train();
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("unknown key \"acumulation\""),
                                 HasSubstr("did you mean \"accumulation\"?")));
  EXPECT_FALSE(fs::exists(path("out")));
}

TEST_F(Train, DamagedPicturesAreLeftOutUpToTheShareAllowed) {
  put("pictures/cut.png", content(path("pictures/0.png")).substr(0, 60));
  put("pictures/words.png", "no picture");
  recipe_["trainer"]["max_damaged"] = 0.5;
  auto command = arguments();
  command.push_back("--json");
  const auto outcome = run_sumi(command);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const auto damaged = parse_json(outcome.out, "stdout").at("damaged");
  EXPECT_GT(damaged["count"], 16);
  EXPECT_THAT(damaged["names"].dump(), AllOf(HasSubstr("cut.png"), HasSubstr("words.png")));
  recipe_["trainer"]["max_damaged"] = 0.02;
  fs::remove_all(path("out"));
  const auto refused = train();
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("17 of "), HasSubstr("samples are damaged")));
  EXPECT_FALSE(fs::exists(path("out/model")));
}

TEST_F(Train, SnapshotsOfAnotherModelAreLeftAlone) {
  ASSERT_EQ(train().exit_code, 0);
  const auto before = files("out");
  ASSERT_TRUE(before.contains("recipe.json"));
  const Json own = recipe_;
  recipe_["vae"]["block_out_channels"] = {8, 24};
  const auto wider = train();
  EXPECT_EQ(wider.exit_code, 2);
  EXPECT_THAT(wider.err, AllOf(HasSubstr("another task or of models of other sizes"),
                               HasSubstr("another output folder")));
  recipe_ = own;
  recipe_["trainer"]["optimiser"]["kind"] = "adamw";
  const auto other = train();
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("another optimiser"));
  EXPECT_EQ(files("out"), before);
}

TEST_F(Train, ABatchThatCannotFitIsRefusedBeforeTheRun) {
  recipe_["trainer"]["batch_size"] = 100'000'000;
  recipe_["trainer"]["samples"] = 200'000'000;
  const auto outcome = train();
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("trainer.batch_size: 100000000 samples at a time"),
                                 HasSubstr("trainer.accumulation")));
  EXPECT_TRUE(fs::is_empty(path("out/snapshots")));
  // The same folder takes the recipe with a batch that fits.
  recipe_["trainer"]["batch_size"] = 8;
  recipe_["trainer"]["samples"] = 320;
  EXPECT_EQ(train().exit_code, 0);
}

/// While it lives, no file of programs that start may grow beyond `bytes`: a full disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_F(Train, ADiskThatFillsUpLeavesTheLastSnapshotWhole) {
  recipe_["trainer"]["samples"] = 1600;
  recipe_["trainer"]["log_every"] = recipe_["trainer"]["validate_every"] = 1600;
  Program stopped(SUMI_PROGRAM, arguments());
  ASSERT_TRUE(stopped.says("samples/s"));
  kill(stopped.id(), SIGTERM);
  ASSERT_EQ(stopped.wait().exit_code, 130);
  const auto before = files("out/snapshots");
  ASSERT_FALSE(before.empty());
  std::size_t tensors = 0;
  for (const auto& [name, bytes] : before) tensors = std::max(tensors, bytes.size());
  {
    const FullDisk full(tensors - 1);
    const auto outcome = train();
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("tensors.safetensors"), HasSubstr("a snapshot takes"),
                                   HasSubstr("MB are free there")));
  }
  EXPECT_EQ(files("out/snapshots"), before);
  ASSERT_EQ(train().exit_code, 0);
  const auto resumed = content(path("out/model/vae/diffusion_pytorch_model.safetensors"));
  fs::remove_all(path("out"));
  ASSERT_EQ(train().exit_code, 0);
  EXPECT_TRUE(content(path("out/model/vae/diffusion_pytorch_model.safetensors")) == resumed);
}

}  // namespace
}  // namespace sumi
