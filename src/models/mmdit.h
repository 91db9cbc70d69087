#pragma once

#include <functional>
#include <string>
#include <vector>

#include "models/joint_attention.h"
#include "models/mmdit_config.h"
#include "nn/modulation.h"

namespace sumi {

/// Squares of latents as tokens, each with its place in the middle of a table of places, so that
/// all sizes and shapes share one centre (diffusers PatchEmbed with pos_embed_max_size).
class PatchEmbed : public Module {
 public:
  explicit PatchEmbed(const MMDiTConfig& config);
  /// latents: [N, C, H, W], whole patches -> [N, tokens, width]. Throws Error where they are larger
  /// than the table.
  Tensor forward(const Tensor& latents) const;
  /// Puts the sines and cosines of the places into the table (Dosovitskiy et al. 2021; MAE): half
  /// of the width for the column, half for the row.
  void set_places();

 private:
  Tensor places(std::int64_t height, std::int64_t width) const;

  std::int64_t patch_, side_, base_;
  std::shared_ptr<Parameter> table_;  // [1, side * side, width]
  Conv2d proj_;
};

/// Esser et al. 2024, figure 2b: both streams through one attention and each through a feed-forward
/// of its own, all opened by the condition. In the last block the text ends with the attention.
class JointBlock : public Module {
 public:
  JointBlock(const MMDiTConfig& config, int index);
  /// condition: SiLU of the embedded time and pooled text, [N, width].
  Streams forward(const Streams& x, const Tensor& condition) const;

 private:
  struct FeedForward {
    Linear in, out;
    Tensor forward(const Activations& x) const;
  };
  FeedForward add_feed_forward(const std::string& name, std::int64_t width);

  bool last_, dual_;
  Linear norm1_, norm1_context_;  // the modulations: condition to 6 (dual 9, last 2) widths
  JointAttention attn_;
  std::vector<JointAttention> attn2_;  // one or none
  FeedForward ff_;
  std::vector<FeedForward> ff_context_;  // one or none
};

/// Told the name of each part ("pos_embed", "transformer_blocks.1.sample", …) and its output.
using MMDiTObserver = std::function<void(const std::string& part, const Tensor& output)>;

/// What a pass may be told beyond its inputs.
struct MMDiTOptions {
  MMDiTObserver observe = {};
  /// First-block caching: a whole pass puts here what all blocks but the first add to the picture's
  /// stream, [N, tokens, width]; null where nobody wants it. …
  Tensor* keep_deep = nullptr;
  /// … and given back at another noise level, only the first block is computed.
  Tensor deep = {};
  /// In training: the blocks are computed a second time on the way back (nn/recompute.h). The
  /// gradients are the same bits.
  bool recompute_blocks = false;
};

/// The multimodal diffusion transformer of Stable Diffusion 3 and 3.5 (Esser et al. 2024; diffusers
/// SD3Transformer2DModel).
class MMDiT : public Module {
 public:
  explicit MMDiT(const MMDiTConfig& config);

  /// sample: [N, in_channels, H, W]; timesteps: float [N]; context: [N, tokens,
  /// joint_attention_dim]; pooled: [N, pooled_projection_dim]. -> [N, out_channels, H, W].
  /// Sides that are no multiple of a patch are lengthened by their last row and column and cut
  /// again. Throws Error for latents beyond the table of places.
  Tensor forward(const Tensor& sample, const Tensor& timesteps, const Tensor& context,
                 const Tensor& pooled, const MMDiTOptions& options = {}) const;
  const MMDiTConfig& config() const { return config_; }
  void set_places() { pos_embed_.set_places(); }

 private:
  Tensor embed_condition(const Tensor& timesteps, const Tensor& pooled) const;
  Streams through(std::size_t block, const Streams& x, const Tensor& condition, bool twice) const;
  Tensor through_blocks(Streams x, const Tensor& condition, const MMDiTOptions& options) const;
  Tensor to_latents(const Tensor& tokens, const Tensor& condition, std::int64_t height,
                    std::int64_t width) const;

  MMDiTConfig config_;
  PatchEmbed pos_embed_;
  Linear time_1_, time_2_, pooled_1_, pooled_2_;
  Linear context_embedder_;
  std::vector<JointBlock> blocks_;
  Linear norm_out_, proj_out_;
};

/// Draws the weights anew, as initialise(Module&) does, with the table of places and every residual
/// branch closed (adaLN-Zero, Peebles & Xie 2023).
void initialise(MMDiT& network, std::uint64_t seed);

/// Path of the one parameter that no training changes, the table of places.
inline constexpr const char* kMMDiTPlaces = "pos_embed.pos_embed";

}  // namespace sumi
