// The commands that `sumi` answers without the engine: info, model inspect, doctor.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json.h"
#include "media/image.h"
#include "program.h"
#include "weights/safetensors.h"

namespace sumi {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kParameters =
    "a red apple\nNegative prompt: blurry\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 16x8";

class Folder : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  TemporaryDirectory folder_;
};

using Info = Folder;
using Inspect = Folder;

TEST_F(Info, TellsWhatMadeAPicture) {
  const std::array<std::uint8_t, 3> red = {200, 10, 20};
  for (const auto* name : {"apple.png", "apple.jpg", "apple.webp"}) {
    save_image(path(name), filled_image(16, 8, red), {.infotext = kParameters});
    const auto outcome = run_sumi({"info", path(name), "--json"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
    const auto object = parse_json(outcome.out, name);
    EXPECT_EQ(object.at("width"), 16);
    EXPECT_EQ(object.at("height"), 8);
    EXPECT_EQ(object.at("generation").at("prompt"), "a red apple");
    EXPECT_EQ(object.at("generation").at("negative_prompt"), "blurry");
    EXPECT_EQ(object.at("generation").at("settings").at("Seed"), "42");
    const auto table = run_sumi({"info", path(name)});
    EXPECT_EQ(table.exit_code, 0);
    EXPECT_THAT(table.out, HasSubstr("16 x 8 pixels"));
    EXPECT_THAT(table.out, HasSubstr("Euler a"));
  }
}

TEST_F(Info, SaysWhenAPictureTellsNothing) {
  const std::array<std::uint8_t, 1> gray = {7};
  save_image(path("plain.png"), filled_image(3, 2, gray));
  EXPECT_THAT(run_sumi({"info", path("plain.png")}).out, HasSubstr("no generation parameters"));
  EXPECT_TRUE(parse_json(run_sumi({"info", path("plain.png"), "--json"}).out, "stdout")
                  .at("generation")
                  .is_null());
}

TEST_F(Info, RefusesDamagedFiles) {
  write_file(path("cut.png"), std::string_view("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16));
  write_file(path("text.safetensors"), std::string_view("this is no weight file at all"));
  for (const auto* name : {"cut.png", "text.safetensors"}) {
    const auto outcome = run_sumi({"info", path(name)});
    EXPECT_EQ(outcome.exit_code, 2) << name;
    EXPECT_THAT(outcome.err, HasSubstr(name));
  }
}

TEST_F(Inspect, CountsTensorsOfAWeightFile) {
  const std::vector<std::byte> bytes(24);
  write_safetensors(path("w.safetensors"),
                    {{"layer.weight", {DType::f32, {2, 3}, bytes}},
                     {"layer.bias", {DType::f16, {3}, std::span(bytes).first(6)}}},
                    {{"made_by", "a test"}});
  for (const auto& arguments :
       {std::vector<std::string>{"model", "inspect", path("w.safetensors"), "--tensors", "--json"},
        {"info", path("w.safetensors"), "--json"}}) {
    const auto outcome = run_sumi(arguments);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
    const auto object = parse_json(outcome.out, "stdout");
    EXPECT_EQ(object.at("metadata").at("made_by"), "a test");
    if (arguments.front() != "model") continue;
    ASSERT_EQ(object.at("tensors").size(), 2u);
    EXPECT_EQ(object.at("tensors").at(1).at("name"), "layer.weight");
    EXPECT_EQ(object.at("tensors").at(1).at("shape"), Json({2, 3}));
    EXPECT_EQ(object.at("tensors").at(0).at("dtype"), "F16");
  }
  const auto table = run_sumi({"model", "inspect", path("w.safetensors")});
  EXPECT_THAT(table.out, HasSubstr("safetensors"));
  EXPECT_THAT(table.out, HasSubstr("30 B"));
}

TEST(Doctor, TellsMachineAndVersions) {
  const auto outcome = run_sumi({"doctor", "--json"});
  const auto report = parse_json(outcome.out, "stdout");
  EXPECT_EQ(outcome.exit_code, report.at("usable").get<bool>() ? 0 : 2);
  EXPECT_EQ(report.at("usable").get<bool>(), report.at("broken").empty());
  EXPECT_GE(report.at("machine").at("cores_usable"), 1);
  EXPECT_GE(report.at("machine").at("cores_online"), report.at("machine").at("cores_usable"));
  EXPECT_GT(report.at("machine").at("memory_bytes"), 0);
  EXPECT_THAT(report.at("versions").at("compiler").get<std::string>(), Not(IsEmpty()));
  for (const auto& finding : report.at("slow"))
    EXPECT_THAT(finding.at("advice").get<std::string>(), Not(IsEmpty()));
  EXPECT_THAT(run_sumi({"doctor"}).out, HasSubstr("MACHINE"));
}

TEST(Sumi, LinksNoLibTorch) {
  const auto listed = Program("/usr/bin/ldd", {SUMI_PROGRAM}).wait();
  ASSERT_EQ(listed.exit_code, 0);
  EXPECT_THAT(listed.out, HasSubstr("libc.so"));
  for (const auto* library : {"torch", "c10", "dnnl", "openblas", "protobuf"})
    EXPECT_THAT(listed.out, Not(HasSubstr(std::string("lib") + library)));
}

}  // namespace
}  // namespace sumi
