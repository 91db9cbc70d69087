#include "models/spatial_transformer.h"

#include "nn/attention.h"
#include "nn/fused.h"

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

Tensor CrossAttention::forward(const Activations& x, const Activations& context,
                               const Tensor& residual) const {
  const AttentionOptions options = {.precision = to_q_.takes_bytes() ? AttentionPrecision::int8
                                                                     : AttentionPrecision::fp32};
  return to_out_.forward(
      attention(to_q_.forward(x), to_k_.forward(context), to_v_.forward(context), heads_, options),
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

Tensor TransformerBlock::forward(Tensor x, const Tensor& context) const {
  if (only_cross_) {
    x = attn1_.forward(normed_for(norm1_, x, {&attn1_.to_q()}), context, x);
  } else {
    const auto own = normed_for(norm1_, x, {&attn1_.to_q(), &attn1_.to_k(), &attn1_.to_v()});
    x = attn1_.forward(own, own, x);
  }
  x = attn2_.forward(normed_for(norm2_, x, {&attn2_.to_q()}), context, x);
  auto gated = ff_in_.forward(normed_for(norm3_, x, {&ff_in_}));
  return ff_out_.forward(gated_for(std::move(gated), ff_out_), x);
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

Tensor SpatialTransformer::forward(const Tensor& x, const Tensor& context) const {
  auto tokens = proj_in_.forward(to_tokens(norm_.forward(x)));
  for (const auto& block : blocks_) tokens = block.forward(std::move(tokens), context);
  return to_pixels(proj_out_.forward(tokens, to_tokens(x)), x.size(2), x.size(3));
}

}  // namespace sumi
