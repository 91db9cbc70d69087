#include "models/conditioning.h"

#include <algorithm>

namespace sumi {
namespace {

Tensor ids_of(const std::vector<TokenChunk>& chunks, torch::Device device) {
  const auto tokens = static_cast<std::int64_t>(chunks.front().ids.size());
  auto ids = at::empty({static_cast<std::int64_t>(chunks.size()), tokens}, torch::kLong);
  auto* next = ids.data_ptr<std::int64_t>();
  for (const auto& chunk : chunks) next = std::copy(chunk.ids.begin(), chunk.ids.end(), next);
  return ids.to(device);
}

Tensor weights_of(const std::vector<TokenChunk>& chunks, torch::Device device) {
  const auto tokens = static_cast<std::int64_t>(chunks.front().weights.size());
  auto weights = at::empty({static_cast<std::int64_t>(chunks.size()), tokens}, torch::kFloat);
  auto* next = weights.data_ptr<float>();
  for (const auto& chunk : chunks)
    next = std::copy(chunk.weights.begin(), chunk.weights.end(), next);
  return weights.to(device);
}

}  // namespace

const ConditioningStage& ConditioningBranch::stage_at(int step) const {
  const auto found =
      std::find_if(stages.begin(), stages.end(),
                   [&](const ConditioningStage& stage) { return step <= stage.until_step; });
  return found == stages.end() ? stages.back() : *found;
}

std::int64_t Conditioning::tokens() const {
  std::int64_t longest = 0;
  for (const auto& branch : branches)
    for (const auto& stage : branch.stages) longest = std::max(longest, stage.context.size(1));
  return longest;
}

Tensor apply_emphasis(const Tensor& z, const Tensor& weights, Emphasis emphasis) {
  if (emphasis == Emphasis::none || weights.eq(1).all().item<bool>()) return z;
  const auto weighted = z * weights.unsqueeze(-1).to(z.scalar_type());
  if (emphasis == Emphasis::plain) return weighted;
  const auto before = z.mean({1, 2}, /*keepdim=*/true), after = weighted.mean({1, 2}, true);
  return weighted * (before / after);
}

TextConditioner::TextConditioner(ClipTokenizer tokenizer, ClipTextModel model, int skipped_layers)
    : tokenizer_(std::move(tokenizer)), model_(std::move(model)), skipped_layers_(skipped_layers) {
  const auto& config = model_.config();
  if (tokenizer_.vocabulary_size() > config.vocab_size)
    throw Error(fmt::format("the tokenizer has {} words, the text encoder {}",
                            tokenizer_.vocabulary_size(), config.vocab_size),
                "use the tokenizer that came with the checkpoint");
  if (tokenizer_.max_length() > config.max_position_embeddings)
    throw Error(fmt::format("the tokenizer makes chunks of {} tokens, the text encoder takes {}",
                            tokenizer_.max_length(), config.max_position_embeddings),
                "use the tokenizer that came with the checkpoint");
}

const Tensor& pooled_of(const ClipTextOutput& output) {
  return output.text_embeds.defined() ? output.text_embeds : output.pooled;
}

int pooled_width(const ClipTextConfig& config) {
  return config.with_projection ? config.projection_dim : config.hidden_size;
}

Tensor TextConditioner::encode_ids(const Tensor& ids, const Tensor& weights, Emphasis emphasis,
                                   int clip_skip) const {
  return encode_both(ids, weights, emphasis, clip_skip).context;
}

EncodedText TextConditioner::encode_both(const Tensor& ids, const Tensor& weights,
                                         Emphasis emphasis, int clip_skip) const {
  const int last = model_.config().num_hidden_layers - skipped_layers_;
  const int layer = last - std::max(clip_skip - 1, 0);
  if (layer < 1)
    throw Error(
        fmt::format("clip skip {} goes beyond the text encoder's {} layers", clip_skip, last),
        fmt::format("use 1 to {}", last));
  const auto out = model_.forward(ids);
  const auto z = layer == model_.config().num_hidden_layers
                     ? out.last_hidden
                     : model_.final_norm(out.hidden_states[layer]);
  return {apply_emphasis(z, weights, emphasis).reshape({1, z.size(0) * z.size(1), z.size(2)}),
          pooled_of(out).narrow(0, 0, 1)};
}

EncodedText TextConditioner::encode_chunks(const std::vector<TokenChunk>& chunks, Emphasis emphasis,
                                           int clip_skip) const {
  const auto device = device_of(model_);
  return encode_both(ids_of(chunks, device), weights_of(chunks, device), emphasis, clip_skip);
}

Conditioning TextConditioner::encode(std::string_view text,
                                     const ConditioningOptions& options) const {
  const auto& profile = prompt_profile(options.profile);
  const auto prompt = parse_prompt(text, {.syntax = profile.syntax,
                                          .steps = options.steps,
                                          .first_pass_steps = options.first_pass_steps,
                                          .split_and = !options.negative});
  // diffusers' pipelines take the negative prompt from the last layer whatever is skipped.
  const bool from_last = options.negative && profile.syntax == PromptSyntax::literal;
  const int clip_skip = from_last ? 0 : options.clip_skip;
  Conditioning result;
  result.networks = prompt.networks;
  // Alternating prompts repeat the same few texts: each is encoded once.
  std::vector<std::pair<std::vector<Fragment>, EncodedText>> encoded;
  const auto encode_once = [&](const std::vector<Fragment>& fragments) {
    for (const auto& [known, made] : encoded)
      if (known == fragments) return made;
    const auto layout = lay_out(tokenizer_, fragments, chunk_options(profile));
    result.token_count = std::max(result.token_count, layout.token_count);
    if (!layout.cut.empty()) result.cut = layout.cut;
    encoded.emplace_back(fragments, encode_chunks(layout.chunks, profile.emphasis, clip_skip));
    return encoded.back().second;
  };
  for (const auto& branch : prompt.branches) {
    ConditioningBranch ours{branch.weight, {}};
    for (const auto& stage : branch.schedule) {
      const EncodedText made = encode_once(stage.fragments);
      ours.stages.push_back({stage.until_step, made.context, made.pooled});
    }
    result.branches.push_back(std::move(ours));
  }
  return result;
}

void TextConditioner::pad_to(Conditioning& conditioning, std::int64_t tokens, int clip_skip) const {
  const auto filler = encode_chunks({empty_chunk(tokenizer_)}, Emphasis::none, clip_skip).context;
  for (auto& branch : conditioning.branches)
    for (auto& stage : branch.stages) {
      const auto lacking = tokens - stage.context.size(1);
      if (lacking <= 0) continue;
      if (lacking % filler.size(1) != 0)
        throw std::logic_error("contexts are padded by whole chunks");
      stage.context = at::cat({stage.context, filler.repeat({1, lacking / filler.size(1), 1})}, 1);
    }
}

}  // namespace sumi
