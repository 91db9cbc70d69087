// Whatever bytes come in: a result or an Error, in time that grows with the length alone.

#include <gmock/gmock.h>

#include <ctime>
#include <random>

#include "core/error.h"
#include "core/files.h"
#include "text/bpe_learner.h"
#include "text/chunks.h"
#include "text/infotext.h"
#include "text/prompt.h"

namespace sumi {
namespace {

ClipTokenizer small_tokenizer() {
  const TemporaryDirectory folder;
  const std::vector<std::string> captions = {"a fox and a cat", "a cat and a dog",
                                             "the dog and the fox"};
  save_tokenizer_folder(folder.path(), learn_bpe(captions, 540), 16);
  return ClipTokenizer::from_folder(folder.path());
}

/// Pieces that mean something to one of the parsers, among random bytes.
std::string random_text(std::mt19937& random) {
  static const std::vector<std::string> pieces = {"(",
                                                  ")",
                                                  "[",
                                                  "]",
                                                  ":",
                                                  "|",
                                                  "\\",
                                                  "AND",
                                                  " AND ",
                                                  "BREAK",
                                                  "<lora:",
                                                  ">",
                                                  "0.5",
                                                  ":1.3)",
                                                  "[a:b:",
                                                  "cat",
                                                  " ",
                                                  "\n",
                                                  "&amp;",
                                                  "&#",
                                                  "&eacute;",
                                                  ";",
                                                  "\u00c3\u00a9",
                                                  "\u00e2\u20ac\u0153",
                                                  "\u201c",
                                                  "\x1b[3",
                                                  "m",
                                                  "\uff21",
                                                  "\u732b",
                                                  "\U0001F600",
                                                  "\u0301",
                                                  "Negative prompt:",
                                                  "Steps: 1, ",
                                                  "Size: 2x2",
                                                  "\"",
                                                  "{",
                                                  "}",
                                                  ",",
                                                  "<|endoftext|>",
                                                  "'s"};
  std::string text;
  const int count = static_cast<int>(random() % 40);
  for (int i = 0; i < count; ++i) {
    if (random() % 12 == 0) {
      text += static_cast<char>(random() % 256);
    } else {
      text += pieces[random() % pieces.size()];
    }
  }
  return text;
}

TEST(Robustness, RandomTextGivesAResultOrAnError) {
  const auto tokenizer = small_tokenizer();
  std::mt19937 random(20240229);
  int results = 0, errors = 0;
  for (int round = 0; round < 4000; ++round) {
    const auto text = random_text(random);
    const auto infotext = parse_infotext(text);
    EXPECT_EQ(
        parse_infotext(write_infotext({infotext.prompt, infotext.negative_prompt, {}})).prompt,
        infotext.prompt);
    try {
      PromptOptions options;
      options.steps = 1 + static_cast<int>(random() % 30);
      const auto prompt = parse_prompt(text, options);
      ASSERT_FALSE(prompt.branches.empty());
      for (const auto& branch : prompt.branches) {
        ASSERT_FALSE(branch.schedule.empty());
        EXPECT_EQ(branch.schedule.back().until_step, options.steps);
        for (const auto& stage : branch.schedule)
          for (const auto& chunk : lay_out(tokenizer, stage.fragments, {}).chunks) {
            EXPECT_EQ(chunk.ids.size(), 16u);
            EXPECT_EQ(chunk.weights.size(), 16u);
            EXPECT_EQ(chunk.ids.front(), tokenizer.start_id());
          }
      }
      for (const auto cleaning :
           {Cleaning::openai, Cleaning::transformers, Cleaning::transformers_plain})
        tokenizer.decode(tokenizer.encode(text, cleaning));
      ++results;
    } catch (const Error&) {
      ++errors;
    }
  }
  EXPECT_GT(results, 500);
  EXPECT_GT(errors, 500);
}

TEST(Robustness, OneMegabyteTakesNoLongerThanItShould) {
  const auto tokenizer = small_tokenizer();
  for (const std::string piece : {"a",
                                  "the fox and ",
                                  "!",
                                  "&amp;",
                                  "&",
                                  "\u732b",
                                  "\u00c3\u00a9",
                                  "\u00e2\u20ac\u2122heure ",
                                  "\x1b[3;",
                                  "(",
                                  "(a)",
                                  "[a]",
                                  "([a])",
                                  "[a:b:3]",
                                  "[a|",
                                  "::",
                                  "|",
                                  "\\(",
                                  "AND ",
                                  "BREAK ",
                                  "<lora:a:1>",
                                  "<a:",
                                  "aa: \"\\",
                                  "aa: [,",
                                  "\n",
                                  "A\u0301",
                                  "(a:1.1) "}) {
    std::string text;
    while (text.size() + piece.size() <= kLongestPrompt) text += piece;
    const auto start = std::clock();
    const auto measure = [&](auto&& work) {
      try {
        work();
      } catch (const Error&) {
      }
    };
    measure([&] { tokenizer.encode(text); });
    measure([&] { parse_prompt(text, {}); });
    measure([&] { parse_infotext(text); });
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    // Processor time, so that other programs do not count. Squared time would be minutes; the limit
    // leaves room for slow machines and sanitizers.
    EXPECT_LT(seconds, 10) << piece;
  }
}

}  // namespace
}  // namespace sumi
