#include "weights/key_rules.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <mutex>

namespace sumi {
namespace {

// Building blocks.

constexpr auto kUNetResnet = std::to_array<KeyLeaf>({
    {"in_layers.0.*", "norm1.*"},
    {"in_layers.2.*", "conv1.*"},
    {"emb_layers.1.*", "time_emb_proj.*"},
    {"out_layers.0.*", "norm2.*"},
    {"out_layers.3.*", "conv2.*"},
    {"skip_connection.*", "conv_shortcut.*"},
});

constexpr auto kTransformer = std::to_array<KeyLeaf>({
    {"norm.*"},
    {"proj_in.*"},
    {"transformer_blocks.0.norm1.*"},
    {"transformer_blocks.0.attn1.to_q.weight"},
    {"transformer_blocks.0.attn1.to_k.weight"},
    {"transformer_blocks.0.attn1.to_v.weight"},
    {"transformer_blocks.0.attn1.to_out.0.*"},
    {"transformer_blocks.0.norm2.*"},
    {"transformer_blocks.0.attn2.to_q.weight"},
    {"transformer_blocks.0.attn2.to_k.weight"},
    {"transformer_blocks.0.attn2.to_v.weight"},
    {"transformer_blocks.0.attn2.to_out.0.*"},
    {"transformer_blocks.0.norm3.*"},
    {"transformer_blocks.0.ff.net.0.proj.*"},
    {"transformer_blocks.0.ff.net.2.*"},
    {"proj_out.*"},
});

constexpr auto kVaeResnet = std::to_array<KeyLeaf>({
    {"norm1.*"},
    {"conv1.*"},
    {"norm2.*"},
    {"conv2.*"},
    {"nin_shortcut.*", "conv_shortcut.*"},
});

constexpr auto kVaeAttention = std::to_array<KeyLeaf>({
    {"norm.*", "group_norm.*"},
    {"q.weight", "to_q.weight", KeyChange::matrix},
    {"q.bias", "to_q.bias"},
    {"k.weight", "to_k.weight", KeyChange::matrix},
    {"k.bias", "to_k.bias"},
    {"v.weight", "to_v.weight", KeyChange::matrix},
    {"v.bias", "to_v.bias"},
    {"proj_out.weight", "to_out.0.weight", KeyChange::matrix},
    {"proj_out.bias", "to_out.0.bias"},
});

constexpr auto kEarlyVaeAttention = std::to_array<KeyLeaf>({
    {"query.*", "to_q.*"},
    {"key.*", "to_k.*"},
    {"value.*", "to_v.*"},
    {"proj_attn.*", "to_out.0.*"},
});

constexpr auto kClipLayer = std::to_array<KeyLeaf>({
    {"self_attn.q_proj.*"},
    {"self_attn.k_proj.*"},
    {"self_attn.v_proj.*"},
    {"self_attn.out_proj.*"},
    {"layer_norm1.*"},
    {"mlp.fc1.*"},
    {"mlp.fc2.*"},
    {"layer_norm2.*"},
});

constexpr auto kOpenClipLayer = std::to_array<KeyLeaf>({
    {"ln_1.*", "layer_norm1.*"},
    {"attn.in_proj_weight", "self_attn.@_proj.weight", KeyChange::third},
    {"attn.in_proj_bias", "self_attn.@_proj.bias", KeyChange::third},
    {"attn.out_proj.*", "self_attn.out_proj.*"},
    {"ln_2.*", "layer_norm2.*"},
    {"mlp.c_fc.*", "mlp.fc1.*"},
    {"mlp.c_proj.*", "mlp.fc2.*"},
});

constexpr auto kTransposed =
    std::to_array<KeyLeaf>({{"text_projection", "text_projection.weight", KeyChange::transposed}});

// Components. Four levels with two residual blocks each; the three upper ones of the U-Net have
// attention.

constexpr auto kUNet = std::to_array<KeyRule>({
    {"time_embed.0.*", "time_embedding.linear_1.*"},
    {"time_embed.2.*", "time_embedding.linear_2.*"},
    {"time_embed.cond_proj.weight", "time_embedding.cond_proj.weight"},
    {"input_blocks.0.0.*", "conv_in.*"},
    {"input_blocks.{3i+j+1}.0.", "down_blocks.{i}.resnets.{j}.", 4, 2, kUNetResnet},
    {"input_blocks.{3i+j+1}.1.", "down_blocks.{i}.attentions.{j}.", 3, 2, kTransformer},
    {"input_blocks.{3i+3}.0.op.*", "down_blocks.{i}.downsamplers.0.conv.*", 3},
    {"middle_block.{2i}.", "mid_block.resnets.{i}.", 2, 1, kUNetResnet},
    {"middle_block.1.", "mid_block.attentions.0.", 1, 1, kTransformer},
    {"output_blocks.{3i+j}.0.", "up_blocks.{i}.resnets.{j}.", 4, 3, kUNetResnet},
    {"output_blocks.{3i+j+3}.1.", "up_blocks.{i+1}.attentions.{j}.", 3, 3, kTransformer},
    {"output_blocks.2.1.conv.*", "up_blocks.0.upsamplers.0.conv.*"},
    {"output_blocks.{3i+5}.2.conv.*", "up_blocks.{i+1}.upsamplers.0.conv.*", 2},
    {"out.0.*", "conv_norm_out.*"},
    {"out.2.*", "conv_out.*"},
});

constexpr auto kVae = std::to_array<KeyRule>({
    {"encoder.conv_in.*", "encoder.conv_in.*"},
    {"encoder.down.{i}.block.{j}.", "encoder.down_blocks.{i}.resnets.{j}.", 4, 2, kVaeResnet},
    {"encoder.down.{i}.downsample.conv.*", "encoder.down_blocks.{i}.downsamplers.0.conv.*", 3},
    {"encoder.mid.block_{i+1}.", "encoder.mid_block.resnets.{i}.", 2, 1, kVaeResnet},
    {"encoder.mid.attn_1.", "encoder.mid_block.attentions.0.", 1, 1, kVaeAttention},
    {"encoder.norm_out.*", "encoder.conv_norm_out.*"},
    {"encoder.conv_out.*", "encoder.conv_out.*"},
    {"quant_conv.*", "quant_conv.*"},
    {"post_quant_conv.*", "post_quant_conv.*"},
    {"decoder.conv_in.*", "decoder.conv_in.*"},
    {"decoder.mid.block_{i+1}.", "decoder.mid_block.resnets.{i}.", 2, 1, kVaeResnet},
    {"decoder.mid.attn_1.", "decoder.mid_block.attentions.0.", 1, 1, kVaeAttention},
    {"decoder.up.{3-i}.block.{j}.", "decoder.up_blocks.{i}.resnets.{j}.", 4, 3, kVaeResnet},
    {"decoder.up.{3-i}.upsample.conv.*", "decoder.up_blocks.{i}.upsamplers.0.conv.*", 3},
    {"decoder.norm_out.*", "decoder.conv_norm_out.*"},
    {"decoder.conv_out.*", "decoder.conv_out.*"},
});

constexpr auto kEarlyVae = std::to_array<KeyRule>({
    {"encoder.mid_block.attentions.0.", "encoder.mid_block.attentions.0.", 1, 1,
     kEarlyVaeAttention},
    {"decoder.mid_block.attentions.0.", "decoder.mid_block.attentions.0.", 1, 1,
     kEarlyVaeAttention},
});

constexpr int kClipLayers = 12, kOpenClipLayers = 24;

constexpr auto kClipText = std::to_array<KeyRule>({
    {"text_model.embeddings.token_embedding.weight",
     "text_model.embeddings.token_embedding.weight"},
    {"text_model.embeddings.position_embedding.weight",
     "text_model.embeddings.position_embedding.weight"},
    {"text_model.encoder.layers.{i}.", "text_model.encoder.layers.{i}.", kClipLayers, 1,
     kClipLayer},
    {"text_model.final_layer_norm.*", "text_model.final_layer_norm.*"},
});

constexpr auto kEarlyClipText = std::to_array<KeyRule>({
    {"embeddings.token_embedding.weight", "text_model.embeddings.token_embedding.weight"},
    {"embeddings.position_embedding.weight", "text_model.embeddings.position_embedding.weight"},
    {"encoder.layers.{i}.", "text_model.encoder.layers.{i}.", kClipLayers, 1, kClipLayer},
    {"final_layer_norm.*", "text_model.final_layer_norm.*"},
});

constexpr auto kOpenClipText = std::to_array<KeyRule>({
    {"token_embedding.weight", "text_model.embeddings.token_embedding.weight"},
    {"positional_embedding", "text_model.embeddings.position_embedding.weight"},
    {"transformer.resblocks.{i}.", "text_model.encoder.layers.{i}.", kOpenClipLayers, 1,
     kOpenClipLayer},
    {"ln_final.*", "text_model.final_layer_norm.*"},
    {"", "", 1, 1, kTransposed},
});

// Stable Diffusion 3. The picture's stream and the text's.
constexpr auto kJointPicture = std::to_array<KeyLeaf>({
    {"adaLN_modulation.1.*", "norm1.linear.*"},
    {"attn.qkv.*", "attn.to_@.*", KeyChange::third},
    {"attn.ln_q.weight", "attn.norm_q.weight"},
    {"attn.ln_k.weight", "attn.norm_k.weight"},
    {"attn.proj.*", "attn.to_out.0.*"},
    {"attn2.qkv.*", "attn2.to_@.*", KeyChange::third},
    {"attn2.ln_q.weight", "attn2.norm_q.weight"},
    {"attn2.ln_k.weight", "attn2.norm_k.weight"},
    {"attn2.proj.*", "attn2.to_out.0.*"},
    {"mlp.fc1.*", "ff.net.0.proj.*"},
    {"mlp.fc2.*", "ff.net.2.*"},
});

constexpr auto kJointText = std::to_array<KeyLeaf>({
    {"attn.qkv.*", "attn.add_@_proj.*", KeyChange::third},
    {"attn.ln_q.weight", "attn.norm_added_q.weight"},
    {"attn.ln_k.weight", "attn.norm_added_k.weight"},
    {"attn.proj.*", "attn.to_add_out.*"},
    {"mlp.fc1.*", "ff_context.net.0.proj.*"},
    {"mlp.fc2.*", "ff_context.net.2.*"},
});

constexpr KeyLeaf kTextModulation[] = {{"adaLN_modulation.1.*", "norm1_context.linear.*"}};
constexpr KeyLeaf kLastModulation[] = {
    {"adaLN_modulation.1.*", "norm1_context.linear.*", KeyChange::swapped}};
constexpr KeyLeaf kEndModulation[] = {
    {"adaLN_modulation.1.*", "norm_out.linear.*", KeyChange::swapped}};

constexpr auto kT5Attention = std::to_array<KeyLeaf>({
    {"SelfAttention.q.weight"},
    {"SelfAttention.k.weight"},
    {"SelfAttention.v.weight"},
    {"SelfAttention.o.weight"},
    {"SelfAttention.relative_attention_bias.weight"},
    {"layer_norm.weight"},
});

constexpr auto kT5FeedForward = std::to_array<KeyLeaf>({
    {"DenseReluDense.wi_0.weight"},
    {"DenseReluDense.wi_1.weight"},
    {"DenseReluDense.wo.weight"},
    {"layer_norm.weight"},
});

constexpr int kT5Layers = 24, kClipBigLayers = 32;

constexpr auto kT5Text = std::to_array<KeyRule>({
    {"encoder.embed_tokens.weight", "shared.weight"},
    {"shared.weight", "shared.weight"},  // the same table; a file has one or both
    {"encoder.block.{i}.layer.0.", "encoder.block.{i}.layer.0.", kT5Layers, 1, kT5Attention},
    {"encoder.block.{i}.layer.1.", "encoder.block.{i}.layer.1.", kT5Layers, 1, kT5FeedForward},
    {"encoder.final_layer_norm.weight", "encoder.final_layer_norm.weight"},
});

constexpr auto kSd3Unused = std::to_array<KeyRule>({
    {"text_encoders.clip_l.logit_scale", "text_encoders.clip_l.logit_scale"},
    {"text_encoders.clip_g.logit_scale", "text_encoders.clip_g.logit_scale"},
    {"text_encoders.t5xxl.logit_scale", "text_encoders.t5xxl.logit_scale"},
});

/// CLIP's text tower with its projection, of so many layers.
std::vector<KeyRule> projected_clip(int layers) {
  std::vector<KeyRule> rules(kClipText.begin(), kClipText.end());
  for (KeyRule& rule : rules)
    if (rule.i > 1) rule.i = layers;
  rules.push_back({"text_projection.weight", "text_projection.weight"});
  return rules;
}

KeyTable sd3_table(int blocks) {
  const std::string last = fmt::format("joint_blocks.{}.context_block.", blocks - 1),
                    our_last = fmt::format("transformer_blocks.{}.", blocks - 1);
  const std::vector<KeyRule> transformer = {
      {"pos_embed", "pos_embed.pos_embed"},
      {"x_embedder.proj.*", "pos_embed.proj.*"},
      {"context_embedder.*", "context_embedder.*"},
      {"t_embedder.mlp.{2i}.*", "time_text_embed.timestep_embedder.linear_{i+1}.*", 2},
      {"y_embedder.mlp.{2i}.*", "time_text_embed.text_embedder.linear_{i+1}.*", 2},
      {"joint_blocks.{i}.x_block.", "transformer_blocks.{i}.", blocks, 1, kJointPicture},
      {"joint_blocks.{i}.context_block.", "transformer_blocks.{i}.", blocks, 1, kJointText},
      {"joint_blocks.{i}.context_block.", "transformer_blocks.{i}.", blocks - 1, 1,
       kTextModulation},
      {last, our_last, 1, 1, kLastModulation},
      {"final_layer.", "", 1, 1, kEndModulation},
      {"final_layer.linear.*", "proj_out.*"}};
  const auto large = projected_clip(kClipLayers), big = projected_clip(kClipBigLayers);
  return {"sd3 single file",
          {{"transformer", "model.diffusion_model.", transformer},
           {"vae", "first_stage_model.", kVae},
           {"text_encoder", "text_encoders.clip_l.transformer.", large},
           {"text_encoder_2", "text_encoders.clip_g.transformer.", big},
           {"text_encoder_3", "text_encoders.t5xxl.transformer.", kT5Text},
           {"unused", "", kSd3Unused}}};
}

// Buffers of the training code (DDPM, equations 4 to 7) and of the text towers. None is a weight.
constexpr auto kUnusedLeaves = std::to_array<KeyLeaf>({
    {"betas"},
    {"alphas_cumprod"},
    {"alphas_cumprod_prev"},
    {"sqrt_alphas_cumprod"},
    {"sqrt_one_minus_alphas_cumprod"},
    {"log_one_minus_alphas_cumprod"},
    {"sqrt_recip_alphas_cumprod"},
    {"sqrt_recipm1_alphas_cumprod"},
    {"posterior_variance"},
    {"posterior_log_variance_clipped"},
    {"posterior_mean_coef1"},
    {"posterior_mean_coef2"},
    {"logvar"},
    {"scale_factor"},
    {"cond_stage_model.transformer.text_model.embeddings.position_ids"},
    {"cond_stage_model.transformer.embeddings.position_ids"},
    {"cond_stage_model.model.logit_scale"},
    {"cond_stage_model.model.attn_mask"},
});

constexpr auto kUnused = std::to_array<KeyRule>({{"", "", 1, 1, kUnusedLeaves}});

constexpr KeyGroup kUNetGroup{"unet", "model.diffusion_model.", kUNet};
constexpr KeyGroup kVaeGroup{"vae", "first_stage_model.", kVae};
constexpr KeyGroup kUnusedGroup{"unused", "", kUnused};

/// A sum such as "3i+j+1" or "3-i".
int evaluate(std::string_view sum, int i, int j) {
  int total = 0;
  for (std::size_t at = 0; at < sum.size();) {
    const int sign = sum[at] == '-' ? -1 : 1;
    if (sum[at] == '-' || sum[at] == '+') ++at;
    int term = 0;
    bool has_digits = false;
    for (; at < sum.size() && std::isdigit(static_cast<unsigned char>(sum[at]));
         ++at, has_digits = true)
      term = 10 * term + (sum[at] - '0');
    if (!has_digits) term = 1;
    if (at < sum.size() && (sum[at] == 'i' || sum[at] == 'j')) term *= sum[at++] == 'i' ? i : j;
    total += sign * term;
  }
  return total;
}

/// Puts the numbers into the braces.
std::string with_numbers(std::string_view pattern, int i, int j) {
  std::string out;
  while (!pattern.empty()) {
    const auto open = pattern.find('{');
    out += pattern.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = pattern.find('}', open);
    out += std::to_string(evaluate(pattern.substr(open + 1, close - open - 1), i, j));
    pattern.remove_prefix(close + 1);
  }
  return out;
}

std::string with_ending(std::string name, std::string_view ending) {
  name.pop_back();
  return name += ending;
}

}  // namespace

KeyTable::KeyTable(std::string name, std::initializer_list<KeyGroup> groups)
    : name_(std::move(name)) {
  static constexpr KeyLeaf kWhole[] = {{"", ""}};
  for (const KeyGroup& group : groups)
    for (const KeyRule& rule : group.rules)
      for (int i = 0; i < rule.i; ++i)
        for (int j = 0; j < rule.j; ++j)
          for (const KeyLeaf& leaf :
               rule.leaves.empty() ? std::span<const KeyLeaf>(kWhole) : rule.leaves)
            add(group, with_numbers(rule.theirs, i, j) += leaf.theirs,
                with_numbers(rule.ours, i, j) += leaf.ours.empty() ? leaf.theirs : leaf.ours,
                leaf.change);
}

void KeyTable::add(const KeyGroup& group, std::string theirs, std::string ours, KeyChange change) {
  if (theirs.ends_with('*')) {
    for (const char* ending : {"weight", "bias"})
      add(group, with_ending(theirs, ending), with_ending(ours, ending), change);
    return;
  }
  const auto keep = [&](std::string name, int part) {
    pairs_.push_back({std::string(group.prefix) + theirs, std::string(group.component),
                      std::move(name), change, part});
    by_theirs_.emplace(pairs_.back().theirs, pairs_.size() - 1);
    by_ours_.emplace(std::pair(pairs_.back().component, pairs_.back().ours), pairs_.size() - 1);
  };
  const auto at = ours.find('@');
  if (at == std::string::npos) return keep(std::move(ours), 0);
  for (int part = 0; part < 3; ++part) {
    ours[at] = "qkv"[part];
    keep(ours, part);
  }
}

std::vector<const KeyPair*> KeyTable::to_ours(const std::string& theirs) const {
  std::vector<const KeyPair*> found;
  const auto [first, last] = by_theirs_.equal_range(theirs);
  for (auto row = first; row != last; ++row) found.push_back(&pairs_[row->second]);
  return found;
}

const KeyPair* KeyTable::to_theirs(const std::string& component, const std::string& ours) const {
  const auto row = by_ours_.find({component, ours});
  return row == by_ours_.end() ? nullptr : &pairs_[row->second];
}

const KeyTable& sd1_single_file() {
  static const KeyTable table("sd1 single file",
                              {kUNetGroup,
                               kVaeGroup,
                               {"text_encoder", "cond_stage_model.transformer.", kClipText},
                               kUnusedGroup});
  return table;
}

const KeyTable& sd1_early_single_file() {
  static const KeyTable table("sd1 single file (early)",
                              {kUNetGroup,
                               kVaeGroup,
                               {"text_encoder", "cond_stage_model.transformer.", kEarlyClipText},
                               kUnusedGroup});
  return table;
}

const KeyTable& sd2_single_file() {
  static const KeyTable table("sd2 single file",
                              {kUNetGroup,
                               kVaeGroup,
                               {"text_encoder", "cond_stage_model.model.", kOpenClipText},
                               kUnusedGroup});
  return table;
}

const KeyTable& sd3_single_file(int blocks) {
  static std::mutex lock;
  static std::map<int, KeyTable> tables;
  const std::lock_guard held(lock);
  auto found = tables.find(blocks);
  if (found == tables.end()) found = tables.emplace(blocks, sd3_table(blocks)).first;
  return found->second;
}

const KeyTable& vae_single_file() {
  static const KeyTable table("vae single file", {{"vae", "", kVae}});
  return table;
}

const KeyTable& early_diffusers_vae() {
  static const KeyTable table("vae of early diffusers", {{"vae", "", kEarlyVae}});
  return table;
}

bool is_training_only(std::string_view theirs) {
  return theirs.starts_with("model_ema.") || theirs.starts_with("loss.") ||
         theirs.starts_with("first_stage_model.loss.");
}

std::optional<std::vector<std::int64_t>> our_shape(const KeyPair& pair,
                                                   std::span<const std::int64_t> theirs) {
  std::vector<std::int64_t> shape(theirs.begin(), theirs.end());
  switch (pair.change) {
    case KeyChange::none:
      return shape;
    case KeyChange::matrix:
      if (shape.size() == 2) return shape;
      if (shape.size() != 4 || shape[2] != 1 || shape[3] != 1) return std::nullopt;
      shape.resize(2);
      return shape;
    case KeyChange::transposed:
      if (shape.size() != 2) return std::nullopt;
      std::swap(shape[0], shape[1]);
      return shape;
    case KeyChange::third:
      if (shape.empty() || shape[0] % 3 != 0) return std::nullopt;
      shape[0] /= 3;
      return shape;
    case KeyChange::swapped:
      if (shape.empty() || shape[0] % 2 != 0) return std::nullopt;
      return shape;
  }
  return std::nullopt;
}

}  // namespace sumi
