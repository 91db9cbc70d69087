#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/model_config.h"

namespace sumi {

/// The transformer of Stable Diffusion 3 and 3.5 (diffusers SD3Transformer2DModel).
struct MMDiTConfig {
  int sample_size = 128;
  int patch_size = 2;
  int in_channels = 16;
  int out_channels = 16;
  int num_layers = 24;
  int attention_head_dim = 64;
  int num_attention_heads = 24;
  int joint_attention_dim = 4096;
  int caption_projection_dim = 1536;
  int pooled_projection_dim = 2048;
  int pos_embed_max_size = 192;
  std::vector<int> dual_attention_layers;
  std::string qk_norm;

  /// Width of the streams.
  int width() const { return num_attention_heads * attention_head_dim; }
  /// Whether a block has a second attention over the picture alone.
  bool is_dual(int layer) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("sample_size", self.sample_size, "side of the latents it was trained on");
    visit("patch_size", self.patch_size, "side of the square of latents that is one token");
    visit("in_channels", self.in_channels, "channels of the latents");
    visit("out_channels", self.out_channels, "channels of the output");
    visit("num_layers", self.num_layers, "blocks");
    visit("attention_head_dim", self.attention_head_dim, "width of a head");
    visit("num_attention_heads", self.num_attention_heads, "heads per attention");
    visit("joint_attention_dim", self.joint_attention_dim, "width of the text conditioning");
    visit("caption_projection_dim", self.caption_projection_dim,
          "width of the text inside: heads times their width");
    visit("pooled_projection_dim", self.pooled_projection_dim, "width of the pooled text");
    visit("pos_embed_max_size", self.pos_embed_max_size,
          "side of the table of positions, in tokens");
    visit("dual_attention_layers", self.dual_attention_layers,
          "blocks with a second attention over the picture alone (SD 3.5 medium)");
    visit("qk_norm", self.qk_norm, "rms_norm: queries and keys are normed (SD 3.5); empty: not");
  }
  static std::vector<ForeignKey> foreign();
  static constexpr std::size_t default_list_length = 0;
  void check(const std::string& where) const;
};

}  // namespace sumi
