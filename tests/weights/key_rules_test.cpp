#include "weights/key_rules.h"

#include <set>

#include "gtest/gtest.h"

namespace sumi {
namespace {

std::vector<const KeyTable*> tables() {
  return {&sd1_single_file(), &sd1_early_single_file(), &sd2_single_file(), &vae_single_file(),
          &early_diffusers_vae()};
}

TEST(KeyRules, EveryTableIsReadInBothDirections) {
  for (const KeyTable* table : tables()) {
    ASSERT_FALSE(table->pairs().empty());
    for (const KeyPair& pair : table->pairs()) {
      const KeyPair* back = table->to_theirs(pair.component, pair.ours);
      ASSERT_NE(back, nullptr);
      EXPECT_EQ(back->theirs, pair.theirs) << table->name();
      const auto forth = table->to_ours(pair.theirs);
      EXPECT_EQ(forth.size(), pair.change == KeyChange::third ? 3u : 1u) << pair.theirs;
    }
  }
}

TEST(KeyRules, NoNameStandsTwice) {
  for (const KeyTable* table : tables()) {
    std::set<std::pair<std::string, std::string>> ours;
    for (const KeyPair& pair : table->pairs()) {
      EXPECT_TRUE(ours.emplace(pair.component, pair.ours).second) << pair.ours;
      EXPECT_EQ(pair.theirs.find_first_of("{}*@#"), std::string::npos) << pair.theirs;
      EXPECT_EQ(pair.ours.find_first_of("{}*@#"), std::string::npos) << pair.ours;
    }
  }
}

struct Example {
  const KeyTable* table;
  const char *theirs, *component, *ours;
};

TEST(KeyRules, Examples) {
  const std::vector<Example> examples = {
      {&sd1_single_file(), "model.diffusion_model.input_blocks.8.1.proj_in.weight", "unet",
       "down_blocks.2.attentions.1.proj_in.weight"},
      {&sd1_single_file(), "model.diffusion_model.input_blocks.9.0.op.bias", "unet",
       "down_blocks.2.downsamplers.0.conv.bias"},
      {&sd1_single_file(), "model.diffusion_model.middle_block.2.out_layers.3.weight", "unet",
       "mid_block.resnets.1.conv2.weight"},
      {&sd1_single_file(), "model.diffusion_model.output_blocks.2.1.conv.weight", "unet",
       "up_blocks.0.upsamplers.0.conv.weight"},
      {&sd1_single_file(), "model.diffusion_model.output_blocks.8.2.conv.weight", "unet",
       "up_blocks.2.upsamplers.0.conv.weight"},
      {&sd1_single_file(), "model.diffusion_model.output_blocks.11.1.norm.bias", "unet",
       "up_blocks.3.attentions.2.norm.bias"},
      {&sd1_single_file(), "first_stage_model.decoder.up.3.block.2.nin_shortcut.weight", "vae",
       "decoder.up_blocks.0.resnets.2.conv_shortcut.weight"},
      {&sd1_single_file(), "first_stage_model.decoder.up.1.upsample.conv.bias", "vae",
       "decoder.up_blocks.2.upsamplers.0.conv.bias"},
      {&sd1_single_file(), "first_stage_model.encoder.mid.attn_1.proj_out.weight", "vae",
       "encoder.mid_block.attentions.0.to_out.0.weight"},
      {&sd2_single_file(), "cond_stage_model.model.positional_embedding", "text_encoder",
       "text_model.embeddings.position_embedding.weight"},
      {&sd2_single_file(), "cond_stage_model.model.text_projection", "text_encoder",
       "text_projection.weight"},
      {&sd1_single_file(), "betas", "unused", "betas"},
      {&vae_single_file(), "decoder.norm_out.bias", "vae", "decoder.conv_norm_out.bias"},
      {&early_diffusers_vae(), "decoder.mid_block.attentions.0.proj_attn.weight", "vae",
       "decoder.mid_block.attentions.0.to_out.0.weight"},
  };
  for (const Example& example : examples) {
    const auto pairs = example.table->to_ours(example.theirs);
    ASSERT_EQ(pairs.size(), 1u) << example.theirs;
    EXPECT_EQ(pairs[0]->component, example.component);
    EXPECT_EQ(pairs[0]->ours, example.ours);
  }
  const auto fused = sd2_single_file().to_ours(
      "cond_stage_model.model.transformer.resblocks.23.attn.in_proj_weight");
  ASSERT_EQ(fused.size(), 3u);
  for (int part = 0; part < 3; ++part) {
    EXPECT_EQ(
        fused[static_cast<std::size_t>(part)]->ours,
        std::string("text_model.encoder.layers.23.self_attn.") + "qkv"[part] + "_proj.weight");
    EXPECT_EQ(fused[static_cast<std::size_t>(part)]->part, part);
  }
  EXPECT_TRUE(sd1_single_file()
                  .to_ours("model.diffusion_model.input_blocks.12.0.in_layers.0.weight")
                  .empty());
  EXPECT_EQ(sd1_single_file().to_theirs("unet", "down_blocks.4.resnets.0.norm1.weight"), nullptr);
}

TEST(KeyRules, ShapesChangeWithTheirTensors) {
  using Shape = std::vector<std::int64_t>;
  const auto shape = [](KeyChange change, const Shape& theirs) {
    return our_shape({"", "", "", change, 0}, theirs);
  };
  EXPECT_EQ(shape(KeyChange::none, {2, 3, 1, 1}), (Shape{2, 3, 1, 1}));
  EXPECT_EQ(shape(KeyChange::matrix, {2, 3, 1, 1}), (Shape{2, 3}));
  EXPECT_EQ(shape(KeyChange::matrix, {2, 3}), (Shape{2, 3}));
  EXPECT_EQ(shape(KeyChange::matrix, {2, 3, 1, 3}), std::nullopt);
  EXPECT_EQ(shape(KeyChange::transposed, {2, 3}), (Shape{3, 2}));
  EXPECT_EQ(shape(KeyChange::transposed, {2}), std::nullopt);
  EXPECT_EQ(shape(KeyChange::third, {6, 2}), (Shape{2, 2}));
  EXPECT_EQ(shape(KeyChange::third, {5, 2}), std::nullopt);
  EXPECT_EQ(shape(KeyChange::third, {}), std::nullopt);
}

}  // namespace
}  // namespace sumi
