#include <gmock/gmock.h>

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "text/bpe.h"
#include "text/bpe_learner.h"
#include "text/chunks.h"
#include "text/clip_tokenizer.h"
#include "text/html_entities.h"
#include "text/text_repair.h"
#include "text/unicode.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;

const std::vector<std::string> kCaptions = {"a red fox on a blue ground",
                                            "a red apple, on a blue ground", "The fox's apple!",
                                            "a BLUE fox, a red fox", "café 12"};

std::vector<int> applied(const MergeTable& table, std::string_view word) {
  MergeTable::Scratch scratch;
  std::vector<int> out;
  table.apply(word, scratch, out);
  return out;
}

/// A small vocabulary of our own, learned and read back.
class SmallVocabulary : public testing::Test {
 protected:
  ClipTokenizer saved_and_read() const {
    save_tokenizer_folder(folder_.path(), learned_, 12);
    return ClipTokenizer::from_folder(folder_.path());
  }

  const TemporaryDirectory folder_;
  const LearnedBpe learned_ = learn_bpe(kCaptions, 560);
  const ClipTokenizer tokenizer_ = saved_and_read();
};

TEST(Bpe, ByteSymbolsAreAOneToOneMap) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += byte_symbols()[static_cast<std::size_t>(i)];
  std::string bytes;
  ASSERT_TRUE(symbols_to_bytes(all, bytes));
  ASSERT_EQ(bytes.size(), 256u);
  for (int i = 0; i < 256; ++i)
    EXPECT_EQ(static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]), i);
  EXPECT_EQ(byte_order()[0], '!');
  EXPECT_EQ(byte_symbols()[' '], "\u0120");
}

TEST(Bpe, MergesInOrderOfRank) {
  const MergeTable table({{"a", "b"}, {"ab", "c</w>"}, {"b", "a"}}, "test");
  const auto symbols = [&](const std::string& word) {
    std::vector<std::string> out;
    for (const int i : applied(table, word))
      out.push_back(table.symbols()[static_cast<std::size_t>(i)]);
    return out;
  };
  EXPECT_EQ(symbols("abc"), (std::vector<std::string>{"abc</w>"}));
  EXPECT_EQ(symbols("baba"), (std::vector<std::string>{"b", "ab", "a</w>"}));
  EXPECT_EQ(symbols(""), std::vector<std::string>{});
  EXPECT_THROW(MergeTable({{"ab", "c"}}, "test"), Error);
}

/// The plain definition: lowest rank first, all its places from left to right.
std::vector<std::string> merge_slowly(
    const std::vector<std::pair<std::string, std::string>>& merges, const std::string& word) {
  std::vector<std::string> symbols;
  for (const char c : word) symbols.push_back(byte_symbols()[static_cast<unsigned char>(c)]);
  if (!symbols.empty()) symbols.back() += "</w>";
  for (;;) {
    std::size_t best = merges.size();
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found =
          std::find(merges.begin(), merges.end(), std::pair(symbols[i], symbols[i + 1]));
      best = std::min(best, static_cast<std::size_t>(found - merges.begin()));
    }
    if (best == merges.size()) return symbols;
    std::vector<std::string> next;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      const bool join =
          i + 1 < symbols.size() && std::pair(symbols[i], symbols[i + 1]) == merges[best];
      next.push_back(join ? symbols[i] + symbols[i + 1] : symbols[i]);
      if (join) ++i;
    }
    symbols = next;
  }
}

TEST(Bpe, LongWordsMergeLikeShortOnes) {
  const std::vector<std::pair<std::string, std::string>> merges = {
      {"a", "a"},   {"b", "c"},    {"a", "b"},  {"aa", "b"},  {"a", "bc"},
      {"aa", "aa"}, {"abc", "aa"}, {"ab", "c"}, {"abc", "ab"}};
  const MergeTable table(merges, "test");
  unsigned state = 7;
  for (int round = 0; round < 300; ++round) {
    std::string word;
    for (int i = 0; i < 1 + round % 200; ++i) {
      state = state * 1664525u + 1013904223u;
      word += "abc"[(state >> 20) % 3];
    }
    std::vector<std::string> symbols;
    for (const int i : applied(table, word))
      symbols.push_back(table.symbols()[static_cast<std::size_t>(i)]);
    EXPECT_EQ(symbols, merge_slowly(merges, word)) << word;
  }
}

TEST(Bpe, WordsAreCutOnlyWhereNoMergeReaches) {
  std::string letters;
  for (int i = 0; i < 100; ++i) letters += "ab";
  const std::vector<std::pair<std::string, std::string>> merges = {
      {"a", "b"}, {"ab", "ab"}, {"c", "a"}, {"ab", "c</w>"}};
  const MergeTable table(merges, "test");
  for (const std::string& word : {letters + "c", letters + "cc" + letters, "c" + letters + "xab",
                                  "ab" + letters + "xc", letters, std::string("abxxab")}) {
    std::vector<std::string> symbols;
    for (const int i : applied(table, word))
      symbols.push_back(table.symbols()[static_cast<std::size_t>(i)]);
    EXPECT_EQ(symbols, merge_slowly(merges, word)) << word;
  }
}

/// A symbol that is a byte's and also the result of a merge spans one byte or five.
TEST(Bpe, SymbolsOfTwoOrigins) {
  const std::vector<std::pair<std::string, std::string>> merges = {
      {"<", "/"}, {"</", "w"}, {"</w", ">"}, {"x", "</w>"}, {"x</w>", "x</w>"}, {"x", "x</w>"}};
  const MergeTable table(merges, "test");
  std::string word = "x";
  for (int i = 0; i < 40; ++i) word += "x</w>x";
  for (const std::string& each : {word, std::string("x</w>x"), std::string("xx</w>"), "a" + word}) {
    std::vector<std::string> symbols;
    for (const int i : applied(table, each))
      symbols.push_back(table.symbols()[static_cast<std::size_t>(i)]);
    EXPECT_EQ(symbols, merge_slowly(merges, each)) << each;
  }
}

TEST(Bpe, WordsAsClipSplitsThem) {
  const auto words = [](const std::string& text) {
    const auto points = decode_utf8(text, "test");
    std::vector<std::string> out;
    for_each_word(points, [&](std::size_t begin, std::size_t end) {
      out.push_back(encode_utf8(std::u32string_view(points).substr(begin, end - begin)));
    });
    return out;
  };
  EXPECT_EQ(
      words("i'd've 12 a!? <|endoftext|>x"),
      (std::vector<std::string>{"i", "'d", "'ve", "1", "2", "a", "!?", "<|endoftext|>", "x"}));
  EXPECT_EQ(words("\u00e9t\u00e9\u732b\u2019s"),
            (std::vector<std::string>{"\u00e9t\u00e9\u732b", "\u2019", "s"}));
}

TEST(BpeLearner, DependsOnCaptionsButNotOnTheirOrder) {
  auto reversed = kCaptions;
  std::reverse(reversed.begin(), reversed.end());
  EXPECT_EQ(learn_bpe(kCaptions, 560).merges, learn_bpe(reversed, 560).merges);
}

TEST(BpeLearner, JoinsTheMostFrequentPairFirst) {
  const std::vector<std::string> captions = {"ab ab ab cd cd"};
  EXPECT_EQ(learn_bpe(captions, 600).merges,
            (std::vector<std::pair<std::string, std::string>>{{"a", "b</w>"}, {"c", "d</w>"}}));
  EXPECT_EQ(learn_bpe(captions, 515).vocabulary_size(), 515);
  EXPECT_THROW(learn_bpe(captions, 513), Error);
}

TEST_F(SmallVocabulary, ReadsItsOwnFolder) {
  EXPECT_EQ(tokenizer_.vocabulary_size(), learned_.vocabulary_size());
  EXPECT_EQ(tokenizer_.max_length(), 12);
  EXPECT_EQ(tokenizer_.end_id(), tokenizer_.start_id() + 1);
  EXPECT_EQ(tokenizer_.pad_id(), tokenizer_.end_id());
  for (const auto& caption : kCaptions) {
    const auto ids = tokenizer_.encode(caption);
    EXPECT_LT(ids.size(), caption.size());
    for (const int id : ids) EXPECT_LT(id, tokenizer_.start_id());
  }
  EXPECT_EQ(tokenizer_.decode(tokenizer_.encode("A  red\tFox")), "a red fox ");
  EXPECT_EQ(tokenizer_.encode("<|startoftext|>"), std::vector<int>{tokenizer_.start_id()});
}

TEST_F(SmallVocabulary, MergesAloneGiveTheSameIds) {
  const auto from_merges = ClipTokenizer::from_merges(folder_.path() / "merges.txt");
  for (const auto& caption : kCaptions)
    EXPECT_EQ(from_merges.encode(caption), tokenizer_.encode(caption));
  EXPECT_EQ(from_merges.vocabulary_size(), tokenizer_.vocabulary_size());
}

TEST_F(SmallVocabulary, PaddingAndItsToken) {
  const std::vector<int> ids = {1, 2, 3};
  const auto padded = tokenizer_.pad(ids, 0);
  EXPECT_EQ(padded.size(), 12u);
  EXPECT_EQ(padded[4], tokenizer_.end_id());
  EXPECT_EQ(padded[5], 0);
  const std::vector<int> long_ids(40, 5);
  EXPECT_EQ(tokenizer_.pad(long_ids).back(), tokenizer_.end_id());
  const auto other = tokenizer_.with_padding("!");
  EXPECT_EQ(other.pad_id(), 0);
  EXPECT_EQ(other.encode("a!!", Cleaning::transformers),
            (std::vector<int>{tokenizer_.encode("a")[0], 0, 0}));
  EXPECT_THROW(tokenizer_.with_padding("nothing like it"), Error);
}

TEST_F(SmallVocabulary, BadInputIsAnError) {
  EXPECT_THROW(tokenizer_.encode("\xc3"), Error);
  EXPECT_THROW(tokenizer_.encode("\xed\xa0\x80"), Error);
  EXPECT_THROW(tokenizer_.encode("a\xff", Cleaning::transformers), Error);
  EXPECT_THROW(tokenizer_.decode(std::vector<int>{-1}), Error);
  EXPECT_THROW(tokenizer_.decode(std::vector<int>{99999}), Error);
  EXPECT_THROW(ClipTokenizer::from_merges(folder_.path() / "nothing"), Error);
  write_file(folder_.path() / "merges.txt", std::string_view("#version: 0.2\na b c\n"));
  EXPECT_THROW(ClipTokenizer::from_folder(folder_.path()), Error);
  write_file(folder_.path() / "merges.txt", std::string_view("#version: 0.2\nxyz zyx\n"));
  EXPECT_THROW(ClipTokenizer::from_folder(folder_.path()), Error);
  fs::remove(folder_.path() / "vocab.json");
  EXPECT_THROW(ClipTokenizer::from_folder(folder_.path()), Error);
}

TEST(Repair, Characters) {
  const auto repaired = [](const std::string& text) {
    return encode_utf8(repair_text(decode_utf8(text, "test")));
  };
  EXPECT_EQ(repaired("\u201chere\u2019s a test\u201d"), "\"here's a test\"");
  EXPECT_EQ(repaired("\x1b[36;44mblue\x1b[0m"), "blue");
  EXPECT_EQ(repaired("\uff2c\uff2f\uff35\uff24\u3000\uff21"), "LOUD A");
  EXPECT_EQ(repaired("\ufb02u\ufb03e\ufb06"), "fluffiest");
  EXPECT_EQ(repaired("&NTILDE; &nTILDE; &AMP; &#x93;"), "\u00d1 &nTILDE; & \"");
  EXPECT_EQ(repaired("<b> &amp;"), "<b> &amp;");
  EXPECT_EQ(repaired("a\r\nb\rc\u2028d"), "a\nb\nc\nd");
}

TEST(Repair, Misreadings) {
  const auto repaired = [](const std::string& text) {
    return encode_utf8(repair_text(decode_utf8(text, "test")));
  };
  EXPECT_EQ(repaired("s\u00c3\u00b3"), "s\u00f3");
  EXPECT_EQ(repaired("\u00c3\u0192\u00c2\u00a9t\u00c3\u0192\u00c2\u00a9"), "\u00e9t\u00e9");
  EXPECT_EQ(repaired("voil\u00c3 le travail"), "voil\u00e0 le travail");
  EXPECT_EQ(repaired("\u00e2\u20ac\u0153 like this \u00e2\u20ac\ufffd"), "\" like this \ufffd");
  EXPECT_EQ(repaired("\u00c5ngstr\u00f6m, na\u00efve caf\u00e9, 100\u20ac"),
            "\u00c5ngstr\u00f6m, na\u00efve caf\u00e9, 100\u20ac");
}

TEST(Html, AsBrowsersRead) {
  const auto unescaped = [](const std::string& text) {
    return encode_utf8(unescape_html(decode_utf8(text, "test")));
  };
  EXPECT_EQ(unescaped("&lt &notit; &notin; &#65;&#x42 &#0; &#128; &;"),
            "< \u00acit; \u2209 AB \ufffd \u20ac &;");
  EXPECT_EQ(unescaped("&#99999999999999999999; &#x; &#xD800;"), "\ufffd &#x; \ufffd");
}

TEST_F(SmallVocabulary, ChunksOfWeightedText) {
  const std::vector<Fragment> fragments = {{"a red ", 1, false}, {"fox", 1.5, false}};
  const auto layout = lay_out(tokenizer_, fragments, {});
  ASSERT_EQ(layout.chunks.size(), 1u);
  const auto& chunk = layout.chunks[0];
  ASSERT_EQ(chunk.ids.size(), 12u);
  ASSERT_EQ(chunk.weights.size(), 12u);
  const auto fox = tokenizer_.encode("fox").size();
  const auto plain = tokenizer_.encode("a red").size();
  EXPECT_EQ(layout.token_count, static_cast<int>(plain + fox));
  for (std::size_t i = 0; i < 12; ++i)
    EXPECT_EQ(chunk.weights[i], i > plain && i <= plain + fox ? 1.5f : 1.0f) << i;
  EXPECT_EQ(lay_out(tokenizer_, {}, {}).chunks.size(), 1u);
  EXPECT_EQ(empty_chunk(tokenizer_).ids[1], tokenizer_.end_id());
}

TEST_F(SmallVocabulary, BreakFillsTheChunk) {
  const std::vector<Fragment> fragments = {{"a", 1, false}, {"", 1, true}, {"a", 1, false}};
  const auto layout = lay_out(tokenizer_, fragments, {});
  ASSERT_EQ(layout.chunks.size(), 2u);
  EXPECT_EQ(layout.chunks[0].ids, layout.chunks[1].ids);
  EXPECT_EQ(layout.token_count, 11);
}

TEST_F(SmallVocabulary, LongTextBreaksBehindANearComma) {
  // Digits are one token each: eight, a comma, then four more of which the last two do not fit.
  const std::vector<Fragment> fragments = {{"1 1 1 1 1 1, 2 2 2 2 2", 1, false}};
  const int one = tokenizer_.encode("1")[0], two = tokenizer_.encode("2")[0];
  auto layout = lay_out(tokenizer_, fragments, {});
  ASSERT_EQ(layout.chunks.size(), 2u);
  EXPECT_EQ(layout.chunks[0].ids[6], one);
  EXPECT_EQ(layout.chunks[0].ids[7], tokenizer_.comma_id());
  EXPECT_EQ(layout.chunks[0].ids[8], tokenizer_.end_id());
  EXPECT_EQ(std::count(layout.chunks[1].ids.begin(), layout.chunks[1].ids.end(), two), 5);
  EXPECT_EQ(layout.token_count, 15);
  ChunkOptions options;
  options.comma_backtrack = 2;
  layout = lay_out(tokenizer_, fragments, options);
  EXPECT_EQ(std::count(layout.chunks[0].ids.begin(), layout.chunks[0].ids.end(), two), 3);
}

TEST_F(SmallVocabulary, CuttingReportsWhatWasCut) {
  auto options = chunk_options(prompt_profile("diffusers"));
  const std::vector<Fragment> fragments = {{"1 1 1 1 1 1 1 1 1 1 a fox", 1, false}};
  const auto layout = lay_out(tokenizer_, fragments, options);
  EXPECT_EQ(layout.chunks.size(), 1u);
  EXPECT_EQ(layout.cut, "a fox");
  EXPECT_EQ(layout.cut_tokens, static_cast<int>(tokenizer_.encode("a fox").size()));
  EXPECT_EQ(lay_out(tokenizer_, std::vector<Fragment>{{"1", 1, false}}, options).cut, "");
}

TEST_F(SmallVocabulary, Sd2PadsWithZeroBehindTheEnd) {
  const auto layout =
      lay_out(tokenizer_.with_padding("!"), std::vector<Fragment>{{"1", 1, false}}, {});
  const auto& ids = layout.chunks[0].ids;
  EXPECT_EQ(ids[2], tokenizer_.end_id());
  EXPECT_TRUE(std::all_of(ids.begin() + 3, ids.end(), [](int id) { return id == 0; }));
}

TEST_F(SmallVocabulary, EmbeddingsTakeTheirPlace) {
  const std::vector<EmbeddingName> names = {{"9", 2}, {"9 8", 3}};
  ChunkOptions options;
  options.embeddings = names;
  const auto layout =
      lay_out(tokenizer_, std::vector<Fragment>{{"1 9 8 9 1", 1.5, false}}, options);
  const auto& places = layout.chunks.at(0).embeddings;
  ASSERT_EQ(places.size(), 2u);
  EXPECT_EQ(places[0].name, "9 8");
  EXPECT_EQ(places[0].offset, 2);
  EXPECT_EQ(places[1].name, "9");
  EXPECT_EQ(places[1].offset, 5);
  EXPECT_EQ(layout.chunks[0].weights[3], 1.5f);
  const std::vector<EmbeddingName> large = {{"9", 11}};
  options.embeddings = large;
  EXPECT_THROW(lay_out(tokenizer_, {}, options), Error);
}

}  // namespace
}  // namespace sumi
