#include "text/prompt.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "text/unicode.h"

namespace sumi {
namespace {

using testing::ElementsAre;
using Weights = std::vector<std::pair<std::string, double>>;

Weights weights(const std::string& text) {
  Weights out;
  for (const auto& fragment : parse_weights(decode_utf8(text, "test")))
    out.emplace_back(fragment.is_break ? "BREAK" : fragment.text,
                     fragment.is_break ? -1 : fragment.weight);
  return out;
}

using Stages = std::vector<std::pair<int, std::string>>;

Stages stages(const std::string& text, PromptOptions options) {
  Stages out;
  for (const auto& [until, stage] : parse_schedule(decode_utf8(text, "test"), options))
    out.emplace_back(until, encode_utf8(stage));
  return out;
}

Stages ten(const std::string& text) {
  PromptOptions options;
  options.steps = 10;
  return stages(text, options);
}

Prompt read(const std::string& text, int steps = 10) {
  PromptOptions options;
  options.steps = steps;
  return parse_prompt(text, options);
}

std::string text_of(const Stage& stage) {
  std::string out;
  for (const auto& fragment : stage.fragments) out += fragment.is_break ? "|" : fragment.text;
  return out;
}

// The examples that A1111's documentation gives.
TEST(PromptWeights, DocumentedExamples) {
  EXPECT_EQ(weights("normal text"), (Weights{{"normal text", 1}}));
  EXPECT_EQ(weights("an (important) word"),
            (Weights{{"an ", 1}, {"important", 1.1}, {" word", 1}}));
  EXPECT_EQ(weights("(unbalanced"), (Weights{{"unbalanced", 1.1}}));
  EXPECT_EQ(weights("\\(literal\\]"), (Weights{{"(literal]", 1}}));
  EXPECT_EQ(weights("(unnecessary)(parens)"), (Weights{{"unnecessaryparens", 1.1}}));
  EXPECT_EQ(weights("a (((house:1.3)) [on] a (hill:0.5), sun, (((sky)))."),
            (Weights{{"a ", 1},
                     {"house", 1.5730000000000004},
                     {" ", 1.1},
                     {"on", 1},
                     {" a ", 1.1},
                     {"hill", 0.55},
                     {", sun, ", 1.1},
                     {"sky", 1.4641000000000006},
                     {".", 1.1}}));
}

TEST(PromptWeights, NumbersAndStrayCharacters) {
  EXPECT_EQ(weights("(a: 1.5 ) b"), (Weights{{"a", 1.5}, {" b", 1}}));
  EXPECT_EQ(weights("(a:-.5)"), (Weights{{"a", -.5}}));
  EXPECT_EQ(weights("(a:b)"), (Weights{{"a:b", 1.1}}));
  EXPECT_EQ(weights("(a:1.2.3)"), (Weights{{"a:1.2.3", 1.1}}));
  EXPECT_EQ(weights("a:1.3) b"), (Weights{{"a:1.3) b", 1}}));
  EXPECT_EQ(weights("a) ] b"), (Weights{{"a) ] b", 1}}));
  EXPECT_EQ(weights("C:\\\\x"), (Weights{{"C:\\x", 1}}));
  EXPECT_EQ(weights("[a]"), (Weights{{"a", 1 / 1.1}}));
  EXPECT_EQ(weights(""), (Weights{{"", 1}}));
}

TEST(PromptWeights, Break) {
  EXPECT_EQ(weights("a BREAK b"), (Weights{{"a", 1}, {"BREAK", -1}, {"b", 1}}));
  EXPECT_EQ(weights("(a BREAK b:1.2)"), (Weights{{"a", 1.2}, {"BREAK", -1}, {"b", 1.2}}));
  EXPECT_EQ(weights("BREAKFAST, DAYBREAK"), (Weights{{"BREAKFAST, DAYBREAK", 1}}));
  EXPECT_EQ(weights("BREAK\nBREAK"), (Weights{{"BREAK", -1}, {"BREAK", -1}}));
}

TEST(PromptSchedule, DocumentedExamples) {
  EXPECT_EQ(ten("test"), (Stages{{10, "test"}}));
  EXPECT_EQ(ten("a [b:3]"), (Stages{{3, "a "}, {10, "a b"}}));
  EXPECT_EQ(ten("a [b: 3]"), (Stages{{3, "a "}, {10, "a b"}}));
  EXPECT_EQ(ten("a [[[b]]:2]"), (Stages{{2, "a "}, {10, "a [[b]]"}}));
  EXPECT_EQ(ten("[(a:2):3]"), (Stages{{3, ""}, {10, "(a:2)"}}));
  EXPECT_EQ(ten("a [b : c : 1] d"), (Stages{{1, "a b  d"}, {10, "a  c  d"}}));
  EXPECT_EQ(ten("a[b:[c:d:2]:1]e"), (Stages{{1, "abe"}, {2, "ace"}, {10, "ade"}}));
  EXPECT_EQ(ten("a [unbalanced"), (Stages{{10, "a [unbalanced"}}));
  EXPECT_EQ(ten("a [b:.5] c"), (Stages{{5, "a  c"}, {10, "a b c"}}));
  EXPECT_EQ(ten("a [{b|d{:.5] c"), (Stages{{5, "a  c"}, {10, "a {b|d{ c"}}));
  EXPECT_EQ(ten("((a][:b:c [d:3]"), (Stages{{3, "((a][:b:c "}, {10, "((a][:b:c d"}}));
  EXPECT_EQ(ten("[fe|]male").front(), (std::pair<int, std::string>{1, "female"}));
  EXPECT_EQ(ten("[fe|]male")[1], (std::pair<int, std::string>{2, "male"}));
  const auto many = ten("[a|(b:1.1)]");
  ASSERT_EQ(many.size(), 10u);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(many[static_cast<std::size_t>(i)],
              (std::pair<int, std::string>{i + 1, i % 2 == 0 ? "a" : "(b:1.1)"}));
}

TEST(PromptSchedule, TheLandscapeOfTheManual) {
  PromptOptions options;
  options.steps = 100;
  EXPECT_EQ(
      stages("fantasy landscape with a [mountain:lake:0.25] and [an oak:a christmas tree:0.75][ in "
             "foreground::0.6][ in background:0.25] [shoddy:masterful:0.5]",
             options),
      (Stages{
          {25, "fantasy landscape with a mountain and an oak in foreground shoddy"},
          {50, "fantasy landscape with a lake and an oak in foreground in background shoddy"},
          {60, "fantasy landscape with a lake and an oak in foreground in background masterful"},
          {75, "fantasy landscape with a lake and an oak in background masterful"},
          {100, "fantasy landscape with a lake and a christmas tree in background masterful"}}));
}

TEST(PromptSchedule, SecondPassOfAHiresFix) {
  PromptOptions options;
  options.steps = 10;
  options.first_pass_steps = 10;
  EXPECT_EQ(stages("a [b:.5] c", options), (Stages{{10, "a b c"}}));
  EXPECT_EQ(stages("a [b:1.5] c", options), (Stages{{5, "a  c"}, {10, "a b c"}}));
  EXPECT_EQ(stages("a [b:13] c", options), (Stages{{3, "a  c"}, {10, "a b c"}}));
}

TEST(PromptSchedule, OldTimelineCountsStepsFromOneOn) {
  PromptOptions options;
  options.steps = 10;
  EXPECT_EQ(stages("[a:b:2.0]", options), (Stages{{10, "a"}}));
  options.old_timeline = true;
  EXPECT_EQ(stages("[a:b:2.0]", options), (Stages{{2, "a"}, {10, "b"}}));
  EXPECT_EQ(stages("[a:b:0.5]", options), (Stages{{5, "a"}, {10, "b"}}));
}

TEST(PromptSchedule, WhatFitsNoRuleStays) {
  for (const char* text :
       {"[a:b]", "[a:b:c:0.5]", "[(a]:3)", "[a|b:c]", "a | b", "\\[a:b:3\\]", "[:::]", "([)]:2]"})
    EXPECT_EQ(ten(text), (Stages{{10, text}})) << text;
  EXPECT_EQ(ten("[a:b:-3]"), (Stages{{10, "b"}}));
  EXPECT_EQ(ten("[a:b:99]"), (Stages{{10, "a"}}));
  EXPECT_EQ(ten("([a:b:5]:1.3)"), (Stages{{5, "(a:1.3)"}, {10, "(b:1.3)"}}));
  EXPECT_EQ(ten("[[a|b]:c:2]"), (Stages{{1, "a"}, {2, "b"}, {10, "c"}}));
}

TEST(Prompt, AndSplitsWithWeights) {
  const auto prompt = read("a cat AND a dog :0.7 AND (a bird:1.2) : -1");
  ASSERT_EQ(prompt.branches.size(), 3u);
  EXPECT_EQ(prompt.branches[0].weight, 1);
  EXPECT_EQ(prompt.branches[1].weight, 0.7);
  EXPECT_EQ(prompt.branches[2].weight, -1);
  EXPECT_EQ(text_of(prompt.branches[0].schedule[0]), "a cat");
  EXPECT_EQ(text_of(prompt.branches[1].schedule[0]), " a dog");
  EXPECT_EQ(prompt.branches[2].schedule[0].fragments,
            (std::vector<Fragment>{{" ", 1, false}, {"a bird", 1.2, false}}));
}

TEST(Prompt, AndIsAWordOfItsOwn) {
  EXPECT_EQ(read("LAND and SAND ANDES").branches.size(), 1u);
  EXPECT_EQ(read("ratio 16:9").branches[0].weight, 1);
  PromptOptions negative;
  negative.split_and = false;
  EXPECT_EQ(parse_prompt("a AND b", negative).branches.size(), 1u);
}

TEST(Prompt, StagesOfABranch) {
  const auto prompt = read("a [cat:dog:0.5], (fur:1.2)", 20);
  const auto& branch = prompt.branches.at(0);
  ASSERT_EQ(branch.schedule.size(), 2u);
  EXPECT_EQ(branch.at(1).until_step, 10);
  EXPECT_EQ(text_of(branch.at(10)), "a cat, fur");
  EXPECT_EQ(text_of(branch.at(11)), "a dog, fur");
  EXPECT_EQ(text_of(branch.at(99)), "a dog, fur");
}

TEST(Prompt, NetworkTagsAreTakenOut) {
  const auto prompt = read(
      "a <lora:ink:0.8>fox <hypernet:style:1> <lora:b:0.5:0.25><lora:c:te=0.1:unet=2> <x> <lora:>");
  EXPECT_EQ(text_of(prompt.branches[0].schedule[0]), "a fox   <x> <lora:>");
  ASSERT_EQ(prompt.networks.size(), 4u);
  EXPECT_EQ(prompt.networks[0].kind, "lora");
  EXPECT_EQ(prompt.networks[0].name(), "ink");
  EXPECT_EQ(prompt.networks[0].text_encoder_weight(), 0.8);
  EXPECT_EQ(prompt.networks[0].unet_weight(), 0.8);
  EXPECT_EQ(prompt.networks[1].kind, "hypernet");
  EXPECT_EQ(prompt.networks[2].text_encoder_weight(), 0.5);
  EXPECT_EQ(prompt.networks[2].unet_weight(), 0.25);
  EXPECT_EQ(prompt.networks[3].text_encoder_weight(), 0.1);
  EXPECT_EQ(prompt.networks[3].unet_weight(), 2);
  EXPECT_THROW(read("<lora:a:much>").networks[0].unet_weight(), Error);
}

TEST(Prompt, LiteralProfileTakesTextAsItIs) {
  PromptOptions options;
  options.syntax = prompt_profile("diffusers").syntax;
  const auto prompt = parse_prompt("(a:1.2) [b|c] AND <lora:x:1>", options);
  ASSERT_EQ(prompt.branches.size(), 1u);
  EXPECT_TRUE(prompt.networks.empty());
  EXPECT_EQ(prompt.branches[0].schedule[0].fragments,
            (std::vector<Fragment>{{"(a:1.2) [b|c] AND <lora:x:1>", 1, false}}));
  EXPECT_THROW(prompt_profile("comfy"), Error);
}

TEST(Prompt, HardLimits) {
  EXPECT_THROW(read("\xff"), Error);
  EXPECT_THROW(read(std::string(kLongestPrompt + 1, 'a')), Error);
  EXPECT_THROW(read(std::string(1000, '(')), Error);
  EXPECT_THROW(read(std::string(1000, '[')), Error);
  EXPECT_THROW(read("(a:" + std::string(400, '9') + ")"), Error);
  EXPECT_THROW(read("[a|" + std::string(900000, 'b') + "]", 1000), Error);
  EXPECT_THROW(read("a", 0), Error);
}

}  // namespace
}  // namespace sumi
