// A training that several processes share, as users start it.
#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>

#include "core/json.h"
#include "media/image.h"
#include "program.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

/// Twelve small pictures and a recipe over them whose updates have four batches.
class Launch : public testing::Test {
 protected:
  void SetUp() override {
    setenv("SUMI_CACHE", (folder_.path() / "cache").c_str(), 1);
    const auto pictures = folder_.path() / "pictures";
    fs::create_directories(pictures);
    for (int i = 0; i < 12; ++i) {
      const auto file = pictures / (std::to_string(i) + ".png");
      const std::array<std::uint8_t, 3> colour = {static_cast<std::uint8_t>(20 * i), 90, 200};
      save_image(file, filled_image(16, 16, colour));
      write_file(fs::path(file).replace_extension(".txt"), "square " + std::to_string(i));
    }
    const Json world = {{"folders", Json::array({{{"path", pictures.string()}}})}, {"size_px", 16}};
    write_file(folder_.path() / "world.json", world.dump());
  }

  /// The recipe with so many samples.
  std::string recipe(int samples, int accumulation = 4) const {
    Json json = read_json(SUMI_SOURCE_DIR "/recipes/smallest/autoencoder.json");
    json["world"] = "world.json";
    json["trainer"]["samples"] = samples;
    json["trainer"]["batch_size"] = 2;
    json["trainer"]["accumulation"] = accumulation;
    json["trainer"]["validate_every"] = samples;
    json["trainer"]["save_every"] = 40;
    const auto file = folder_.path() / "recipe.json";
    write_file(file, json.dump());
    return file.string();
  }

  std::string output(const std::string& name) const { return (folder_.path() / name).string(); }

  std::string result(const std::string& name) const {
    return content(fs::path(output(name)) / "log.jsonl") +
           content(fs::path(output(name)) / "model" / "vae" /
                   "diffusion_pytorch_model.safetensors");
  }

  TemporaryDirectory folder_;
};

std::vector<pid_t> children_of(pid_t parent) {
  std::ifstream file("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) +
                     "/children");
  std::vector<pid_t> children;
  for (pid_t child = 0; file >> child;) children.push_back(child);
  return children;
}

TEST_F(Launch, TwoProcessesLeaveTheBytesOfOne) {
  const auto file = recipe(160);
  const auto one = run_sumi({"train", file, "-o", output("one"), "--threads", "1", "--json"});
  ASSERT_EQ(one.exit_code, 0) << one.out << one.err;
  const auto two = run_sumi(
      {"train", file, "-o", output("two"), "--threads", "1", "--json", "--processes", "2"});
  ASSERT_EQ(two.exit_code, 0) << two.out << two.err;
  EXPECT_EQ(parse_json(two.out, "stdout").at("samples"), 160);
  EXPECT_EQ(result("two"), result("one"));
}

TEST_F(Launch, AKilledProcessRestartsAllAndNothingChanges) {
  const auto file = recipe(640);
  const auto straight =
      run_sumi({"train", file, "-o", output("straight"), "--threads", "1", "--processes", "2"});
  ASSERT_EQ(straight.exit_code, 0) << straight.err;
  Program killed(SUMI_PROGRAM,
                 {"train", file, "-o", output("killed"), "--threads", "1", "--processes", "2"});
  ASSERT_TRUE(killed.says("updates to go"));
  const auto children = children_of(killed.id());
  ASSERT_EQ(children.size(), 2u);
  kill(children[1], SIGKILL);
  const auto outcome = killed.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("process 1 of 2 was ended by signal 9"));
  EXPECT_THAT(outcome.err, HasSubstr("(restart 1 of 3)"));
  EXPECT_EQ(result("killed"), result("straight"));
}

TEST_F(Launch, GivesUpAfterTheRestartsThatWereAllowed) {
  Program killed(SUMI_PROGRAM, {"train", recipe(640), "-o", output("out"), "--threads", "1",
                                "--processes", "2", "--max-restarts", "0"});
  ASSERT_TRUE(killed.says("updates to go"));
  kill(children_of(killed.id()).at(0), SIGKILL);
  const auto outcome = killed.wait();
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("after 0 restarts"));
}

TEST_F(Launch, SigtermSavesInAllAndTheRunGoesOn) {
  const auto file = recipe(640);
  const std::vector<std::string> arguments = {"train",     file, "-o",          output("out"),
                                              "--threads", "1",  "--processes", "2"};
  Program stopped(SUMI_PROGRAM, arguments);
  ASSERT_TRUE(stopped.says("samples/s"));
  kill(stopped.id(), SIGTERM);
  const auto outcome = stopped.wait();
  EXPECT_EQ(outcome.exit_code, 130) << outcome.err;
  const auto rest = run_sumi(arguments);
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_THAT(rest.err, HasSubstr("updates to go"));
  EXPECT_THAT(rest.err, Not(HasSubstr("80 updates to go")));  // which is all of them
}

TEST_F(Launch, AnErrorIsToldOnceAndNothingIsRestarted) {
  const auto outcome = run_sumi({"train", recipe(160, 3), "-o", output("out"), "--processes", "2"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("3 batches per update cannot be shared by 2 processes"));
  EXPECT_THAT(outcome.err, HasSubstr("batch_size 3, accumulation 2"));
  EXPECT_EQ(outcome.err.find("cannot be shared"), outcome.err.rfind("cannot be shared"));
  EXPECT_THAT(outcome.err, Not(HasSubstr("restart")));
}

TEST_F(Launch, OptionsThatMakeNoSenseAreRefused) {
  const auto file = recipe(160);
  const auto refused = [&](std::vector<std::string> options) {
    options.insert(options.begin(), {"train", file, "-o", output("out")});
    const auto outcome = run_sumi(options);
    EXPECT_EQ(outcome.exit_code, 2) << testing::PrintToString(options);
    return outcome.err;
  };
  EXPECT_THAT(refused({"--processes", "0"}), HasSubstr("--processes is 0"));
  EXPECT_THAT(refused({"--nodes", "2"}), HasSubstr("--master is \"\""));
  EXPECT_THAT(refused({"--nodes", "2", "--master", "here"}), HasSubstr("10.0.0.1:29500"));
  EXPECT_THAT(refused({"--nodes", "2", "--master", "here:70000"}), HasSubstr("--master"));
  EXPECT_THAT(refused({"--nodes", "2", "--node-rank", "2", "--master", "a:1"}),
              HasSubstr("--node-rank is 2"));
  EXPECT_FALSE(fs::exists(output("out")));
}

}  // namespace
}  // namespace sumi
