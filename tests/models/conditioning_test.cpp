#include "models/conditioning.h"

#include <gtest/gtest.h>

#include "core/files.h"
#include "text/bpe_learner.h"

namespace sumi {
namespace {

constexpr int kLength = 12;  // tokens per chunk: 10 of text

ClipTokenizer small_tokenizer() {
  const TemporaryDirectory folder;
  const std::vector<std::string> captions = {"a red apple", "a green pear",
                                             "a red pear on a blue ground"};
  save_tokenizer_folder(folder.path(), learn_bpe(captions, 540), kLength);
  return ClipTokenizer::from_folder(folder.path());
}

ClipTextConfig small_config() {
  ClipTextConfig c;
  c.vocab_size = 560;
  c.hidden_size = 16;
  c.intermediate_size = 24;
  c.num_hidden_layers = 3;
  c.num_attention_heads = 2;
  c.max_position_embeddings = kLength;
  return c;
}

class ConditioningTest : public testing::Test {
 protected:
  ConditioningTest()
      : model(small_config()), tokenizer(small_tokenizer()), conditioner(tokenizer, model) {
    initialise(model, 1);
  }
  Tensor ids_of(const std::string& text) const {
    const auto ids = tokenizer.pad(tokenizer.encode(text));
    return torch::tensor(std::vector<std::int64_t>(ids.begin(), ids.end())).unsqueeze(0);
  }
  Tensor encoded(const std::string& text) const { return model.forward(ids_of(text)).last_hidden; }
  Conditioning encode(const std::string& prompt, const ConditioningOptions& options = {}) const {
    return conditioner.encode(prompt, options);
  }

  torch::InferenceMode no_gradients;
  ClipTextModel model;
  ClipTokenizer tokenizer;
  TextConditioner conditioner;
};

TEST_F(ConditioningTest, PlainTextIsTheTowersOutput) {
  const auto result = encode("a red apple");
  ASSERT_EQ(result.branches.size(), 1u);
  EXPECT_TRUE(at::allclose(result.branches[0].at(1), encoded("a red apple")));
  EXPECT_EQ(result.tokens(), kLength);
}

TEST_F(ConditioningTest, ChunksAreEncodedByThemselvesAndJoined) {
  const auto result = encode("a red apple BREAK a green pear");
  const auto expected = at::cat({encoded("a red apple"), encoded("a green pear")}, 1);
  EXPECT_TRUE(at::allclose(result.branches[0].at(1), expected, 1e-4, 1e-5));
}

TEST_F(ConditioningTest, WeightsScaleRowsAndKeepTheMean) {
  const auto plain = encoded("a red apple");
  const auto result = encode("a (red:1.5) apple").branches[0].at(1);
  auto weights = at::ones({1, kLength});
  weights[0][2] = 1.5;  // start, a, red
  const auto scaled = plain * weights.unsqueeze(-1);
  EXPECT_TRUE(at::allclose(result, scaled * (plain.mean() / scaled.mean()), 1e-4, 1e-5));
  EXPECT_FALSE(at::allclose(result, plain, 1e-3, 1e-4));
  EXPECT_TRUE(at::allclose(apply_emphasis(plain, weights, Emphasis::plain), scaled));
  EXPECT_TRUE(at::equal(apply_emphasis(plain, weights, Emphasis::none), plain));
}

TEST_F(ConditioningTest, EachChunkKeepsItsOwnMean) {
  const auto z = at::randn({2, 3, 4}) + 2;
  const auto weights = torch::tensor({{1.0f, 2.0f, 1.0f}, {1.0f, 1.0f, 1.0f}});
  const auto result = apply_emphasis(z, weights, Emphasis::restore_mean);
  EXPECT_TRUE(at::allclose(result.mean({1, 2}), z.mean({1, 2})));
  EXPECT_TRUE(at::allclose(result[1], z[1]));
}

TEST_F(ConditioningTest, ClipSkipCountsFromTheLastLayer) {
  const auto out = model.forward(ids_of("a pear"));
  const auto at_skip = [&](int skip) {
    return encode("a pear", {.clip_skip = skip}).branches[0].at(1);
  };
  EXPECT_TRUE(at::equal(at_skip(0), at_skip(1)));
  EXPECT_TRUE(at::allclose(at_skip(2), model.final_norm(out.hidden_states[2])));
  EXPECT_TRUE(at::allclose(at_skip(3), model.final_norm(out.hidden_states[1])));
  EXPECT_THROW(at_skip(4), Error);
  const TextConditioner shortened(tokenizer, model, /*skipped_layers=*/1);
  EXPECT_TRUE(at::equal(shortened.encode("a pear", {}).branches[0].at(1), at_skip(2)));
  EXPECT_THROW(shortened.encode("a pear", {.clip_skip = 3}), Error);
}

TEST_F(ConditioningTest, SchedulesChangeTheTextBetweenSteps) {
  const auto branch = encode("a [red:green:0.5] pear", {.steps = 10}).branches[0];
  for (int step = 1; step <= 10; ++step)
    EXPECT_TRUE(at::allclose(branch.at(step), encoded(step <= 5 ? "a red pear" : "a green pear")))
        << step;
}

TEST_F(ConditioningTest, AndMakesBranchesButNotInNegatives) {
  const auto result = encode("a red apple AND a green pear :0.5");
  ASSERT_EQ(result.branches.size(), 2u);
  EXPECT_DOUBLE_EQ(result.branches[1].weight, 0.5);
  EXPECT_TRUE(at::allclose(result.branches[1].at(1), encoded("a green pear"), 1e-4, 1e-5));
  EXPECT_EQ(encode("a red apple AND a green pear", {.negative = true}).branches.size(), 1u);
}

TEST_F(ConditioningTest, ProfilesReadThePromptTheirWay) {
  const ConditioningOptions literal{.profile = "diffusers"};
  EXPECT_TRUE(at::allclose(encode("(red:1.5)", literal).branches[0].at(1), encoded("(red:1.5)")));
  const std::string many = "a red apple a red apple a red apple a red apple";
  const auto cut = encode(many, literal);
  EXPECT_EQ(cut.tokens(), kLength);
  EXPECT_FALSE(cut.cut.empty());
  const auto room = static_cast<std::size_t>(kLength - 2);
  const auto chunks = (tokenizer.encode(many).size() + room - 1) / room;
  EXPECT_GT(chunks, 1u);
  EXPECT_EQ(encode(many).tokens(), static_cast<std::int64_t>(chunks) * kLength);
}

TEST_F(ConditioningTest, ShorterPromptsAreFilledUpWithEmptyChunks) {
  auto result = encode("a pear");
  conditioner.pad_to(result, 3 * kLength);
  const auto empty = encoded("");
  EXPECT_TRUE(at::allclose(result.branches[0].at(1), at::cat({encoded("a pear"), empty, empty}, 1),
                           1e-4, 1e-5));
}

TEST_F(ConditioningTest, RefusesAForeignTokenizer) {
  auto config = small_config();
  config.vocab_size = 100;
  EXPECT_THROW(TextConditioner(tokenizer, ClipTextModel(config)), Error);
  config = small_config();
  config.max_position_embeddings = kLength - 1;
  EXPECT_THROW(TextConditioner(tokenizer, ClipTextModel(config)), Error);
}

}  // namespace
}  // namespace sumi
