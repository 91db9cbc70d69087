// The program as users and scripts meet it: what is printed where, and with which exit code.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json.h"
#include "pipelines/request.h"
#include "program.h"

namespace sumi {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

/// A refusal: exit code 2, nothing on stdout, what and what to do on stderr.
void expect_refused(const std::vector<std::string>& arguments, const std::string& what,
                    const std::string& hint) {
  const auto outcome = run_sumi(arguments);
  SCOPED_TRACE(testing::PrintToString(arguments));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.out, IsEmpty());
  EXPECT_THAT(outcome.err, StartsWith("sumi: "));
  EXPECT_THAT(outcome.err, HasSubstr(what));
  EXPECT_THAT(outcome.err, HasSubstr("  try: "));
  EXPECT_THAT(outcome.err, HasSubstr(hint));
}

TEST(Help, ShowsCommandsAndExamples) {
  for (const auto& arguments : {std::vector<std::string>{"--help"}, {"-h"}, {}}) {
    const auto help = run_sumi(arguments);
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.err, IsEmpty());
    for (const auto* command :
         {"generate", "replay", "info", "doctor", "model", "data", "train", "bench", "tune"})
      EXPECT_THAT(help.out, HasSubstr(std::string("\n  ") + command));
    EXPECT_THAT(help.out, HasSubstr("Examples:"));
  }
}

TEST(Help, DocumentsEveryFieldOfARequest) {
  const auto help = run_sumi({"generate", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  GenerateRequest request;
  GenerateRequest::fields(request, [&](std::string name, auto&, const char*) {
    for (auto& letter : name)
      if (letter == '_') letter = '-';
    EXPECT_THAT(help.out, HasSubstr("--" + name));
  });
  for (const auto* group :
       {"Picture:", "Sampling:", "Editing:", "Output:", "Machine:", "Examples:"})
    EXPECT_THAT(help.out, HasSubstr(std::string("\n") + group));
  EXPECT_THAT(help.out, Not(HasSubstr("\nOther:"))) << "an option has no group";
}

TEST(Help, OfInnerCommands) {
  EXPECT_THAT(run_sumi({"model", "convert", "--help"}).out, HasSubstr("Usage: sumi model convert"));
  EXPECT_THAT(run_sumi({"model"}).out, HasSubstr("inspect"));
  EXPECT_THAT(run_sumi({"data", "--help"}).out, HasSubstr("fetch"));
}

TEST(Refusals, MistypedNamesGetTheNearest) {
  expect_refused({"generate", "x", "--stpes", "3"}, "--stpes", "--steps");
  expect_refused({"generate", "x", "--negative=y"}, "--negative", "--negative-prompt");
  expect_refused({"genrate", "x"}, "genrate", "generate");
  expect_refused({"model", "inspekt", "x"}, "inspekt", "inspect");
  expect_refused({"doctor", "--zzzzzz"}, "--zzzzzz", "sumi doctor --help");
}

TEST(Refusals, ValuesThatAreNoNumbers) {
  expect_refused({"generate", "x", "--steps", "many"}, "--steps: \"many\"", "--steps 20");
  expect_refused({"generate", "x", "--steps", "2.5"}, "--steps: \"2.5\"", "--steps 20");
  expect_refused({"generate", "x", "--steps", "99999999999"}, "--steps", "--steps 20");
  expect_refused({"generate", "x", "--guidance-scale", "nan"}, "--guidance-scale: \"nan\"", "7.5");
  expect_refused({"generate", "x", "--size", "512"}, "--size", "512x768");
  expect_refused({"generate", "x", "--steps"}, "--steps", "--help");
}

TEST(Refusals, RangesAndMultiples) {
  expect_refused({"generate", "x", "--width", "500"}, "width is 500", "496 or 504");
  expect_refused({"generate", "x", "--size", "512x20"}, "height is 20", "16 or 24");
  expect_refused({"generate", "x", "--steps", "-3"}, "steps is -3", "0 to 1000");
  expect_refused({"generate", "x", "--strength", "2"}, "strength is 2", "0 to 1");
  expect_refused({"generate", "x", "--mask", SUMI_PROGRAM}, "mask", "--image");
  expect_refused({"generate", "x", "--threads", "-1"}, "--threads is -1", "0 to");
  expect_refused({"generate", "x", "--device", "tpu"}, "--device is \"tpu\"", "cuda");
  expect_refused({"generate", "x", "-o", "a.jpg", "--quality", "0"}, "--quality is 0", "1 to 100");
  expect_refused({"bench", "--suite", "nonsense"}, "nonsense", "base");
}

TEST(Refusals, PromptsAndFiles) {
  expect_refused({"generate"}, "no prompt", "sumi generate");
  expect_refused({"generate", "x", "--prompt", "y"}, "twice", "quotes");
  expect_refused({"generate", "x", "--image", "no-such.png"}, "no-such.png", "name");
  expect_refused({"generate", "x", "--model", "no/such/model"}, "no/such/model",
                 "diffusers folder");
  expect_refused({"replay", "no-such.png"}, "no-such.png", "name");
  expect_refused({"info", "no-such.png"}, "no-such.png", "name");
  expect_refused({"train", "no-such.json"}, "no-such.json", "name");
  expect_refused({"model", "convert", "no-such", "target"}, "no-such", "checkpoint");
  expect_refused({"data", "fetch", "no-such-source"}, "no-such-source", "");
}

TEST(Refusals, OutputsThatCannotBeWritten) {
  const std::vector<std::string> prefix = {"generate", "x", "--model", SUMI_PROGRAM, "-o"};
  const auto with = [&](const std::string& output) {
    auto arguments = prefix;
    arguments.push_back(output);
    return arguments;
  };
  expect_refused(with("no-such-folder/x.png"), "no folder no-such-folder", "mkdir -p");
  expect_refused(with(std::string(SUMI_PROGRAM) + "/x.png"), "no folder", "mkdir");
  expect_refused(with("/proc/x.png"), "/proc/x.png", "");
  expect_refused(with("x.tiff"), "x.tiff", "png");
}

TEST(Json, RefusalsAreObjects) {
  for (const auto& arguments : {std::vector<std::string>{"generate", "x", "--stpes", "3", "--json"},
                                {"info", "no-such.png", "--json"},
                                {"generate", "--json"}}) {
    const auto outcome = run_sumi(arguments);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, IsEmpty());
    const auto object = parse_json(outcome.out, "stdout");
    EXPECT_THAT(object.at("error").get<std::string>(), Not(IsEmpty()));
    EXPECT_THAT(object.at("hint").get<std::string>(), Not(IsEmpty()));
  }
}

TEST(Json, DataListNamesLicences) {
  const auto outcome = run_sumi({"data", "list", "--json"});
  EXPECT_EQ(outcome.exit_code, 0);
  const auto list = parse_json(outcome.out, "stdout").at("sources");
  EXPECT_GT(list.size(), 3u);
  for (const auto& source : list) {
    EXPECT_THAT(source.at("licence").get<std::string>(), Not(IsEmpty()));
    EXPECT_TRUE(source.at("fetched").is_boolean());
  }
}

}  // namespace
}  // namespace sumi
