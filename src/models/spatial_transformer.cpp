#include "models/spatial_transformer.h"

#include <optional>

#include "nn/attention.h"
#include "nn/fused.h"
#include "nn/in_place.h"

namespace sumi {

Tensor to_tokens(const Tensor& x) {
  return x.permute({0, 2, 3, 1}).reshape({x.size(0), x.size(2) * x.size(3), x.size(1)});
}

Tensor to_pixels(const Tensor& tokens, std::int64_t height, std::int64_t width) {
  return tokens.view({tokens.size(0), height, width, tokens.size(2)}).permute({0, 3, 1, 2});
}

CrossAttention::CrossAttention(std::int64_t dim, std::int64_t context, std::int64_t heads)
    : heads_(heads),
      to_q_(add("to_q", Linear(dim, dim, {.bias = false}))),
      to_k_(add("to_k", Linear(context, dim, {.bias = false}))),
      to_v_(add("to_v", Linear(context, dim, {.bias = false}))),
      to_out_(add("to_out.0", Linear(dim, dim))) {}

Tensor CrossAttention::forward(const Activations& x, const Tensor& residual) const {
  return mix(x, {to_k_.forward(x), to_v_.forward(x)}, residual);
}

Tensor CrossAttention::forward(const Activations& x, const AttendedContext& context,
                               const Tensor& residual) const {
  return mix(x, context.through(to_k_, to_v_), residual);
}

Tensor CrossAttention::mix(const Activations& x, const KeysAndValues& seen,
                           const Tensor& residual) const {
  const AttentionOptions options = {.precision = to_q_.takes_bytes() ? AttentionPrecision::int8
                                                                     : AttentionPrecision::fp32};
  return to_out_.forward(attention(to_q_.forward(x), seen.keys, seen.values, heads_, options),
                         residual);
}

TransformerBlock::TransformerBlock(std::int64_t dim, std::int64_t context, std::int64_t heads,
                                   bool only_cross)
    : only_cross_(only_cross),
      norm1_(add("norm1", LayerNorm(dim))),
      attn1_(add("attn1", CrossAttention(dim, only_cross ? context : dim, heads))),
      norm2_(add("norm2", LayerNorm(dim))),
      attn2_(add("attn2", CrossAttention(dim, context, heads))),
      norm3_(add("norm3", LayerNorm(dim))),
      ff_in_(add("ff.net.0.proj", Linear(dim, dim * 8))),
      ff_out_(add("ff.net.2", Linear(dim * 4, dim))) {}

Tensor TransformerBlock::attend_first(const Tensor& x, const AttendedContext& context,
                                      const TokenMerge* merge) const {
  if (only_cross_) return attn1_.forward(normed_for(norm1_, x, {&attn1_.to_q()}), context, x);
  if (merge)
    return add_to(merge->spread(attn1_.forward(merge->merge(norm1_.forward(x)), Tensor())), x);
  return attn1_.forward(normed_for(norm1_, x, {&attn1_.to_q(), &attn1_.to_k(), &attn1_.to_v()}), x);
}

Tensor TransformerBlock::forward(Tensor x, const AttendedContext& context,
                                 const TokenMerge* merge) const {
  x = attend_first(x, context, merge);
  x = attn2_.forward(normed_for(norm2_, x, {&attn2_.to_q()}), context, x);
  auto gated = ff_in_.forward(normed_for(norm3_, x, {&ff_in_}));
  return gated_linear(ff_out_, std::move(gated), x);
}

SpatialTransformer::SpatialTransformer(const Options& o)
    : norm_(add("norm", GroupNorm(o.groups, o.channels, 1e-6))),
      proj_in_(
          add("proj_in", Linear(o.channels, o.channels, {.as_convolution = !o.linear_projection}))),
      blocks_([&] {
        std::vector<TransformerBlock> blocks;
        for (std::int64_t i = 0; i < o.layers; ++i)
          blocks.push_back(add(numbered("transformer_blocks", i),
                               TransformerBlock(o.channels, o.context, o.heads, o.only_cross)));
        return blocks;
      }()),
      proj_out_(
          add("proj_out", Linear(o.channels, o.channels, {.as_convolution = !o.linear_projection})
                              .start_at_zero())) {}

Tensor SpatialTransformer::forward(const Tensor& x, const AttendedContext& context,
                                   const MergingSettings& merging) const {
  auto tokens = proj_in_.forward(to_tokens(norm_.forward(x)));
  std::optional<TokenMerge> merge;
  if (merging.ratio > 0) merge.emplace(tokens, x.size(2), x.size(3), merging);
  for (const auto& block : blocks_)
    tokens = block.forward(std::move(tokens), context, merge ? &*merge : nullptr);
  return to_pixels(proj_out_.forward(tokens, to_tokens(x)), x.size(2), x.size(3));
}

}  // namespace sumi
