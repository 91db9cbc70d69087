// Whatever bytes come in: a result or an Error, in time that grows with the length alone.

#include <gmock/gmock.h>

#include <algorithm>
#include <ctime>
#include <random>

#include "core/error.h"
#include "core/files.h"
#include "text/bpe_learner.h"
#include "text/chunks.h"
#include "text/infotext.h"
#include "text/prompt.h"
#include "text/unicode.h"

namespace sumi {
namespace {

/// What is promised for a megabyte, and how many times that a machine at other work or a sanitizer
/// may take. Squared time would be minutes.
constexpr double kPromised_s = 0.1;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
constexpr double kSlack = 50;
#else
constexpr double kSlack = 4;
#endif

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

/// A megabyte of one piece.
std::string repeated(const std::string& piece) {
  std::string text;
  while (text.size() + piece.size() <= kLongestPrompt) text += piece;
  return text;
}

/// A megabyte of letters in no order: one word.
std::string random_letters(std::string_view letters) {
  std::mt19937 random(7);
  std::string text;
  while (text.size() < kLongestPrompt) text += letters[random() % letters.size()];
  return text;
}

/// The first run that is quick enough, or the shortest. Processor time, so that other programs
/// count little.
template <class Work>
double seconds_for(Work&& work) {
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::clock();
    try {
      work();
    } catch (const Error&) {
    }
    best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    if (best < kSlack * kPromised_s) break;
  }
  return best;
}

/// Each step keeps its promise by itself.
void expect_quick(const std::string& text, const std::string& what) {
  static const auto tokenizer = small_tokenizer();
  const double limit = kSlack * kPromised_s;
  for (const auto cleaning :
       {Cleaning::openai, Cleaning::transformers, Cleaning::transformers_plain})
    EXPECT_LT(seconds_for([&] { tokenizer.encode(text, cleaning); }), limit) << what;
  EXPECT_LT(seconds_for([&] { parse_prompt(text, {}); }), limit) << what;
  PromptOptions many;
  many.steps = 150;
  EXPECT_LT(seconds_for([&] { parse_prompt(text, many); }), limit) << what;
  EXPECT_LT(seconds_for([&] { parse_infotext(text); }), limit) << what;
}

TEST(Robustness, OneMegabyteOfAnythingIsQuick) {
  for (const std::string piece : {"a",
                                  "the fox and ",
                                  "!",
                                  "&amp;",
                                  "&",
                                  "&NOTANENTITYATALL;",
                                  "&CounterClockwiseContourIntegra",
                                  "\u732b",
                                  "\u00c3\u00a9",
                                  "\u00c3 ",
                                  "\u0152\u0080",
                                  "\u00e2\u20ac\u2122heure ",
                                  "\x1b[3;",
                                  "(",
                                  "(a)",
                                  "[a]",
                                  "([a])",
                                  "[a:b:3]",
                                  "[a:b]",
                                  "[:1]",
                                  "[a|",
                                  "[a|b]",
                                  "[|]",
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
                                  "(a:1.1) "})
    expect_quick(repeated(piece), piece);
  for (const char* letters : {"etaoinshrdlu", "abcdefghijklmnopqrstuvwxyz", "ab"})
    expect_quick(random_letters(letters), letters);
}

/// Marks out of order, some hidden in characters that no normal form keeps: a plain insertion sort
/// takes minutes.
TEST(Robustness, CombiningMarksInTheWrongOrderAreQuick) {
  for (const std::string piece : {"\u0301\u0323", "\u0f73", "\u0f81\u0301", "a\u0301\u0323\u0344"})
    expect_quick(repeated(piece), piece);
  EXPECT_EQ(compose(U"a\u0301\u0323"), U"\u1ea1\u0301");
  EXPECT_EQ(compose(U"\u0f40\u0f73\u0f71"), U"\u0f40\u0f71\u0f71\u0f72");
  EXPECT_EQ(compose(U"\u0f40\u0f75\u0f81"), U"\u0f40\u0f71\u0f71\u0f80\u0f74");
}

}  // namespace
}  // namespace sumi
