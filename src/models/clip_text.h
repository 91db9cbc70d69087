#pragma once

#include <vector>

#include "models/configs.h"
#include "nn/layers.h"

namespace sumi {

struct ClipTextOutput {
  /// [batch, tokens, width] each: the embeddings first, then the output of every layer, before the
  /// final norm.
  std::vector<Tensor> hidden_states;
  /// The last of them through the final norm.
  Tensor last_hidden;
  /// Row of last_hidden at the end token. [batch, width].
  Tensor pooled;
  /// pooled through text_projection; undefined without one. [batch, projection_dim].
  Tensor text_embeds;
};

/// One layer of a CLIP tower: x + attention(norm(x)), then x + feed_forward(norm(x)).
class ClipLayer : public Module {
 public:
  explicit ClipLayer(const ClipTextConfig& config);
  Tensor forward(Tensor x) const;

 private:
  std::int64_t heads_;
  bool quick_gelu_;
  LayerNorm layer_norm1_;
  Linear q_proj_, k_proj_, v_proj_, out_proj_;
  LayerNorm layer_norm2_;
  Linear fc1_, fc2_;
};

/// CLIP's text tower (Radford et al. 2021): causal, pre-norm. OpenAI's ViT-L and OpenCLIP's towers.
class ClipTextModel : public Module {
 public:
  explicit ClipTextModel(const ClipTextConfig& config);

  /// ids: int64 [batch, tokens], tokens at most max_position_embeddings.
  ClipTextOutput forward(const Tensor& ids) const;
  /// The final norm, for hidden states other than the last.
  Tensor final_norm(const Tensor& hidden) const { return final_layer_norm_.forward(hidden); }
  const ClipTextConfig& config() const { return config_; }

 private:
  Tensor end_positions(const Tensor& ids) const;

  ClipTextConfig config_;
  Embedding token_embedding_, position_embedding_;
  std::vector<ClipLayer> layers_;
  LayerNorm final_layer_norm_;
  std::vector<Linear> text_projection_;  // one or none
};

}  // namespace sumi
