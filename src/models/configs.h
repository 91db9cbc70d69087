#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/model_config.h"

// What a network looks like, as values; the field names are those of the published config.json
// files.

namespace sumi {

/// CLIP's text tower (transformers CLIPTextModel).
struct ClipTextConfig {
  int vocab_size = 49408;
  int hidden_size = 768;
  int intermediate_size = 3072;
  int num_hidden_layers = 12;
  int num_attention_heads = 12;
  int max_position_embeddings = 77;
  std::string hidden_act = "quick_gelu";
  double layer_norm_eps = 1e-5;
  int eos_token_id = 2;
  int projection_dim = 768;
  /// Whether the checkpoint holds text_projection; CLIPTextModelWithProjection in `architectures`.
  bool with_projection = false;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("vocab_size", self.vocab_size, "rows of the token table");
    visit("hidden_size", self.hidden_size, "width of the tower");
    visit("intermediate_size", self.intermediate_size, "width inside the feed-forward layers");
    visit("num_hidden_layers", self.num_hidden_layers, "transformer layers");
    visit("num_attention_heads", self.num_attention_heads, "heads per layer");
    visit("max_position_embeddings", self.max_position_embeddings, "tokens per chunk");
    visit("hidden_act", self.hidden_act, "quick_gelu (OpenAI) or gelu (OpenCLIP)");
    visit("layer_norm_eps", self.layer_norm_eps, "epsilon of the layer norms");
    visit("eos_token_id", self.eos_token_id,
          "id whose first place is pooled; 2: the largest id, as old files mean");
    visit("projection_dim", self.projection_dim, "width of the projected pooled vector");
  }
  static std::vector<ForeignKey> foreign();
  static constexpr std::size_t default_list_length = 1;
  void check(const std::string& where) const;
};

/// Reads a text_encoder/config.json; `architectures` tells whether there is a projection.
ClipTextConfig read_clip_text_config(const Json& published, const std::string& where);

/// diffusers UNet2DConditionModel, as SD 1.x and 2.x use it. Lists have one value per block.
struct UNetConfig {
  int sample_size = 64;
  int in_channels = 4;
  int out_channels = 4;
  bool center_input_sample = false;
  bool flip_sin_to_cos = true;
  double freq_shift = 0;
  std::vector<std::string> down_block_types = {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D",
                                               "CrossAttnDownBlock2D", "DownBlock2D"};
  std::string mid_block_type = "UNetMidBlock2DCrossAttn";
  std::vector<std::string> up_block_types = {"UpBlock2D", "CrossAttnUpBlock2D",
                                             "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"};
  std::vector<bool> only_cross_attention = {false, false, false, false};
  bool mid_block_only_cross_attention = false;
  std::vector<int> block_out_channels = {320, 640, 1280, 1280};
  std::vector<int> layers_per_block = {2, 2, 2, 2};
  int norm_num_groups = 32;
  double norm_eps = 1e-5;
  std::vector<int> cross_attention_dim = {768, 768, 768, 768};
  std::vector<int> transformer_layers_per_block = {1, 1, 1, 1};
  /// Despite its published name: the number of heads in each block.
  std::vector<int> attention_head_dim = {8, 8, 8, 8};
  bool use_linear_projection = false;
  /// Width of the guidance-scale embedding of distilled networks (LCM); 0: none.
  int time_cond_proj_dim = 0;
  bool upcast_attention = false;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("sample_size", self.sample_size, "side of the latents it was trained on");
    visit("in_channels", self.in_channels, "4; inpainting 9, instruct-pix2pix 8");
    visit("out_channels", self.out_channels, "channels of the latents");
    visit("center_input_sample", self.center_input_sample, "maps the input from [0, 1] to [-1, 1]");
    visit("flip_sin_to_cos", self.flip_sin_to_cos, "cosines first in the time embedding");
    visit("freq_shift", self.freq_shift, "shift of the time embedding's frequencies");
    visit("down_block_types", self.down_block_types,
          "CrossAttnDownBlock2D or DownBlock2D, from fine to coarse");
    visit("mid_block_type", self.mid_block_type, "UNetMidBlock2DCrossAttn or UNetMidBlock2D");
    visit("up_block_types", self.up_block_types,
          "CrossAttnUpBlock2D or UpBlock2D, from coarse to fine");
    visit("only_cross_attention", self.only_cross_attention,
          "the first attention looks at the text too");
    visit("mid_block_only_cross_attention", self.mid_block_only_cross_attention,
          "the same in the middle");
    visit("block_out_channels", self.block_out_channels, "channels per block");
    visit("layers_per_block", self.layers_per_block, "residual blocks per block");
    visit("norm_num_groups", self.norm_num_groups, "groups of every GroupNorm");
    visit("norm_eps", self.norm_eps, "epsilon of the residual blocks' norms");
    visit("cross_attention_dim", self.cross_attention_dim, "width of the text conditioning");
    visit("transformer_layers_per_block", self.transformer_layers_per_block,
          "transformer layers per attention");
    visit("attention_head_dim", self.attention_head_dim, "number of heads per block (sic)");
    visit("use_linear_projection", self.use_linear_projection,
          "projections stored as matrices (SD 2)");
    visit("time_cond_proj_dim", self.time_cond_proj_dim,
          "width of the guidance-scale embedding; 0: none");
    visit("upcast_attention", self.upcast_attention,
          "attention scores in fp32 whatever the weights");
  }
  static std::vector<ForeignKey> foreign();
  static constexpr std::size_t default_list_length = 4;
  void check(const std::string& where) const;
};

/// Reads a unet/config.json.
UNetConfig read_unet_config(const Json& published, const std::string& where);

/// diffusers AutoencoderKL.
struct VaeConfig {
  int in_channels = 3;
  int out_channels = 3;
  std::vector<std::string> down_block_types = std::vector<std::string>(4, "DownEncoderBlock2D");
  std::vector<std::string> up_block_types = std::vector<std::string>(4, "UpDecoderBlock2D");
  std::vector<int> block_out_channels = {128, 256, 512, 512};
  int layers_per_block = 2;
  int latent_channels = 4;
  int norm_num_groups = 32;
  int sample_size = 512;
  double scaling_factor = 0.18215;
  double shift_factor = 0;
  bool use_quant_conv = true;
  bool use_post_quant_conv = true;
  bool mid_block_add_attention = true;

  /// Pixels per latent, along each axis.
  int downscale() const { return 1 << (block_out_channels.size() - 1); }

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("in_channels", self.in_channels, "channels of the picture");
    visit("out_channels", self.out_channels, "channels of the picture");
    visit("down_block_types", self.down_block_types, "DownEncoderBlock2D each");
    visit("up_block_types", self.up_block_types, "UpDecoderBlock2D each");
    visit("block_out_channels", self.block_out_channels, "channels per level, from fine to coarse");
    visit("layers_per_block", self.layers_per_block,
          "residual blocks per level (one more when decoding)");
    visit("latent_channels", self.latent_channels, "channels of the latents");
    visit("norm_num_groups", self.norm_num_groups, "groups of every GroupNorm");
    visit("sample_size", self.sample_size, "side of the pictures it was trained on");
    visit("scaling_factor", self.scaling_factor, "latents times this have about unit deviation");
    visit("shift_factor", self.shift_factor, "subtracted from latents before scaling");
    visit("use_quant_conv", self.use_quant_conv, "a 1x1 convolution after the encoder");
    visit("use_post_quant_conv", self.use_post_quant_conv, "a 1x1 convolution before the decoder");
    visit("mid_block_add_attention", self.mid_block_add_attention,
          "attention at the coarsest level");
  }
  static std::vector<ForeignKey> foreign();
  static constexpr std::size_t default_list_length = 4;
  void check(const std::string& where) const;
};

/// TAESD (madebyollin/taesd; diffusers AutoencoderTiny).
struct TinyVaeConfig {
  int in_channels = 3;
  int out_channels = 3;
  std::vector<int> encoder_block_out_channels = {64, 64, 64, 64};
  std::vector<int> decoder_block_out_channels = {64, 64, 64, 64};
  std::vector<int> num_encoder_blocks = {1, 3, 3, 3};
  std::vector<int> num_decoder_blocks = {3, 3, 3, 1};
  int latent_channels = 4;
  double latent_magnitude = 3;
  double latent_shift = 0.5;
  double scaling_factor = 1;

  /// Pixels per latent, along each axis.
  int downscale() const { return 1 << (encoder_block_out_channels.size() - 1); }

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("in_channels", self.in_channels, "channels of the picture");
    visit("out_channels", self.out_channels, "channels of the picture");
    visit("encoder_block_out_channels", self.encoder_block_out_channels, "channels per level");
    visit("decoder_block_out_channels", self.decoder_block_out_channels, "channels per level");
    visit("num_encoder_blocks", self.num_encoder_blocks, "residual blocks per level");
    visit("num_decoder_blocks", self.num_decoder_blocks, "residual blocks per level");
    visit("latent_channels", self.latent_channels, "channels of the latents");
    visit("latent_magnitude", self.latent_magnitude, "latents lie within plus or minus this");
    visit("latent_shift", self.latent_shift, "shift of latents stored as bytes");
    visit("scaling_factor", self.scaling_factor,
          "latents times this are what the diffusion network sees");
  }
  static std::vector<ForeignKey> foreign();
  static constexpr std::size_t default_list_length = 4;
  void check(const std::string& where) const;
};

}  // namespace sumi
