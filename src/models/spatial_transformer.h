#pragma once

#include <vector>

#include "models/attended_context.h"
#include "models/token_merging.h"
#include "nn/layers.h"

namespace sumi {

/// Attention of `dim` wide queries over `context` wide keys. [N, tokens, dim].
class CrossAttention : public Module {
 public:
  CrossAttention(std::int64_t dim, std::int64_t context, std::int64_t heads);
  /// Of x over x itself, plus `residual` where defined. x: [N, tokens, dim].
  Tensor forward(const Activations& x, const Tensor& residual) const;
  /// The same over a context [N, keys, width].
  Tensor forward(const Activations& x, const AttendedContext& context,
                 const Tensor& residual) const;
  const Linear& to_q() const { return to_q_; }
  const Linear& to_k() const { return to_k_; }
  const Linear& to_v() const { return to_v_; }

 private:
  Tensor mix(const Activations& x, const KeysAndValues& seen, const Tensor& residual) const;

  std::int64_t heads_;
  Linear to_q_, to_k_, to_v_, to_out_;
};

/// Self-attention, attention over the text, and a gated feed-forward (GEGLU, Shazeer 2020), each
/// behind a layer norm and added to its input.
class TransformerBlock : public Module {
 public:
  /// `only_cross`: the first attention looks at the text as well.
  TransformerBlock(std::int64_t dim, std::int64_t context, std::int64_t heads, bool only_cross);
  /// `merge`: tokens merged around the self-attention, or null.
  Tensor forward(Tensor x, const AttendedContext& context, const TokenMerge* merge = nullptr) const;

 private:
  Tensor attend_first(const Tensor& x, const AttendedContext& context,
                      const TokenMerge* merge) const;

  bool only_cross_;
  LayerNorm norm1_;
  CrossAttention attn1_;
  LayerNorm norm2_;
  CrossAttention attn2_;
  LayerNorm norm3_;
  Linear ff_in_, ff_out_;
};

/// Rombach et al. 2022: pixels as tokens through transformer blocks, added to the input.
/// x: [N, channels, H, W]; context: [N, tokens, width]. Tokens are chosen for merging once, by the
/// first block's input.
class SpatialTransformer : public Module {
 public:
  struct Options {
    std::int64_t channels, context, heads, layers, groups;
    /// Projections stored as matrices; otherwise as 1x1 convolutions. The numbers are the same.
    bool linear_projection, only_cross;
  };
  explicit SpatialTransformer(const Options& options);
  Tensor forward(const Tensor& x, const AttendedContext& context,
                 const MergingSettings& merging = {}) const;

 private:
  GroupNorm norm_;
  Linear proj_in_;
  std::vector<TransformerBlock> blocks_;
  Linear proj_out_;
};

/// [N, C, H, W] -> [N, H * W, C]; free of copies when the channels lie last in memory.
Tensor to_tokens(const Tensor& x);
/// The other way round, as a view whose channels lie last in memory.
Tensor to_pixels(const Tensor& tokens, std::int64_t height, std::int64_t width);

}  // namespace sumi
