#include "text/infotext.h"

#include <gmock/gmock.h>

#include "core/error.h"

namespace sumi {
namespace {

std::string value(const Infotext& infotext, const std::string& key) {
  const auto* found = infotext.find(key);
  return found ? *found : "(none)";
}

TEST(Infotext, TheUsualForm) {
  const auto read = parse_infotext(
      "a girl, (beret:1.2), by A: B\nsecond line\nNegative prompt: ugly, [blurry]\nmore of it\n"
      "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 965400086, Size: 512x768, Model hash: "
      "45dee52b");
  EXPECT_EQ(read.prompt, "a girl, (beret:1.2), by A: B\nsecond line");
  EXPECT_EQ(read.negative_prompt, "ugly, [blurry]\nmore of it");
  EXPECT_EQ(read.parameters.size(), 6u);
  EXPECT_EQ(value(read, "Sampler"), "Euler a");
  EXPECT_EQ(value(read, "Model hash"), "45dee52b");
  EXPECT_EQ(parse_size(value(read, "Size")), (std::pair<int, int>{512, 768}));
}

TEST(Infotext, WrittenAsA1111Does) {
  EXPECT_EQ(
      write_infotext({"a fox",
                      "blurry",
                      {{"Steps", "20"}, {"Sampler", "Euler a"}, {"Lora hashes", "a: 12, b: 34"}}}),
      "a fox\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, Lora hashes: \"a: 12, b: 34\"");
  EXPECT_EQ(write_infotext({"", "", {{"Steps", "20"}, {"Sampler", "x"}, {"Seed", "1"}}}),
            "Steps: 20, Sampler: x, Seed: 1");
}

TEST(Infotext, HiresQuotesAndJson) {
  const auto read = parse_infotext(
      "x\nSteps: 30, Sampler: DPM++ 2M, Schedule type: Karras, Hires prompt: \"a \\\"b\\\", "
      "c\\nd\", Hires upscale: 2, "
      "Lora hashes: \"ink: 0a1b, wash: 2c3d\", Civitai resources: "
      "[{\"type\":\"lora\",\"weight\":0.8},{\"x\":\"],\"}], "
      "Version: v1.9.4");
  EXPECT_EQ(value(read, "Hires prompt"), "a \"b\", c\nd");
  EXPECT_EQ(value(read, "Lora hashes"), "ink: 0a1b, wash: 2c3d");
  EXPECT_EQ(value(read, "Civitai resources"),
            "[{\"type\":\"lora\",\"weight\":0.8},{\"x\":\"],\"}]");
  EXPECT_EQ(value(read, "Version"), "v1.9.4");
}

TEST(Infotext, LinesBehindTheParameters) {
  const auto read = parse_infotext(
      "a cat\r\nNegative prompt: dog\r\nSteps: 20, Sampler: Euler, Seed: 1\r\nTemplate: a "
      "{cat|dog}, nice\r\n"
      "Negative Template: dog\r\n");
  EXPECT_EQ(read.prompt, "a cat");
  EXPECT_EQ(read.negative_prompt, "dog");
  EXPECT_EQ(value(read, "Seed"), "1");
  EXPECT_EQ(value(read, "Template"), "a {cat|dog}, nice");
}

TEST(Infotext, PlainTextIsAPrompt) {
  const auto read = parse_infotext("just words: with a colon");
  EXPECT_EQ(read.prompt, "just words: with a colon");
  EXPECT_TRUE(read.parameters.empty());
  EXPECT_EQ(parse_infotext("").prompt, "");
  EXPECT_EQ(parse_infotext("a\xff").prompt, "a\uFFFD");
}

TEST(Infotext, EverythingComesBack) {
  const std::vector<std::string> texts = {"",
                                          "a fox",
                                          "two\nlines, with: colons \"and\" quotes",
                                          "  leading and trailing  ",
                                          "Negative prompt: in the prompt",
                                          "a\nSteps: 3, Sampler: x, Seed: 4",
                                          "\n\nempty lines\n\n",
                                          "tab\tand \u732b\r\n\\back",
                                          "Steps: 1, ab: 2, cd: 3"};
  const std::vector<std::vector<std::pair<std::string, std::string>>> lists = {
      {},
      {{"Steps", "1"}},
      {{"Steps", "20"}, {"Sampler", "DPM++ 2M SDE"}, {"Size", "512x512"}},
      {{"Steps", "1"},
       {"Empty", ""},
       {"Odd", "\"quoted\""},
       {"Ends", " x "},
       {"Json", "[1, 2"},
       {"Lines", "a\nb,c: d"}},
  };
  for (const auto& prompt : texts)
    for (const auto& negative : texts)
      for (const auto& list : lists) {
        const Infotext infotext{prompt, negative, list};
        EXPECT_EQ(parse_infotext(write_infotext(infotext)), infotext) << write_infotext(infotext);
      }
}

TEST(Infotext, WhatCannotBeWritten) {
  EXPECT_THROW(write_infotext({"a", "", {{"a:b", "1"}}}), Error);
  EXPECT_THROW(write_infotext({"a", "", {{"", "1"}}}), Error);
  EXPECT_THROW(write_infotext({"a", "", {{"Prompt text", "1"}}}), Error);
  EXPECT_THROW(write_infotext({"\xff", "", {}}), Error);
}

TEST(Infotext, Sizes) {
  EXPECT_EQ(parse_size(" 64x32 "), (std::pair<int, int>{64, 32}));
  for (const char* text : {"", "x", "5x", "x5", "0x5", "-1x5", "5x5x5", "99999999999x1"})
    EXPECT_EQ(parse_size(text), (std::pair<int, int>{0, 0})) << text;
}

}  // namespace
}  // namespace sumi
