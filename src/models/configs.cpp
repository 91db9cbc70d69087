#include "models/configs.h"

namespace sumi {
namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw Error(fmt::format("{}: {}", where, what),
              "the config.json is damaged or belongs to a network that Sumi does not know");
}

void require(bool holds, const std::string& where, const std::string& what) {
  if (!holds) refuse(where, what);
}

/// Every block's channels are positive and split into the norm's groups.
void check_channels(const std::vector<int>& channels, int groups, const std::string& where) {
  require(!channels.empty() && channels.size() <= 8, where,
          "block_out_channels must list one to eight blocks");
  require(groups > 0, where, "norm_num_groups must be positive");
  for (const int count : channels)
    require(count > 0 && count <= 65536 && count % groups == 0, where,
            fmt::format("{} channels do not split into {} groups", count, groups));
}

template <class T>
void check_length(const std::vector<T>& list, std::size_t length, const char* name,
                  const std::string& where) {
  require(list.size() == length, where,
          fmt::format("{} needs {} values, it has {}", name, length, list.size()));
}

void check_types(const std::vector<std::string>& types, const std::vector<std::string>& known,
                 const std::string& where) {
  for (const auto& type : types)
    if (std::find(known.begin(), known.end(), type) == known.end())
      throw Error(fmt::format("{}: block type \"{}\" is not supported", where, type),
                  fmt::format("supported: {}", fmt::join(known, ", ")));
}

void check_positive(std::initializer_list<std::pair<const char*, int>> values,
                    const std::string& where) {
  for (const auto& [name, value] : values)
    require(value > 0 && value <= (1 << 24), where,
            fmt::format("{} must be positive, it is {}", name, value));
}

}  // namespace

std::vector<ForeignKey> ClipTextConfig::foreign() {
  return {{"architectures"},
          {"attention_dropout"},
          {"bos_token_id"},
          {"dropout"},
          {"initializer_factor"},
          {"initializer_range"},
          {"model_type"},
          {"pad_token_id"},
          {"torch_dtype"},
          {"dtype"},
          {"transformers_version"},
          {"use_cache"},
          {"gradient_checkpointing"}};
}

void ClipTextConfig::check(const std::string& where) const {
  check_positive({{"vocab_size", vocab_size},
                  {"hidden_size", hidden_size},
                  {"intermediate_size", intermediate_size},
                  {"num_hidden_layers", num_hidden_layers},
                  {"num_attention_heads", num_attention_heads},
                  {"max_position_embeddings", max_position_embeddings},
                  {"projection_dim", projection_dim}},
                 where);
  require(num_hidden_layers <= 256, where, "more than 256 layers");
  require(hidden_size % num_attention_heads == 0, where,
          "hidden_size must be a multiple of num_attention_heads");
  require(hidden_act == "quick_gelu" || hidden_act == "gelu", where,
          fmt::format("hidden_act \"{}\" is not supported", hidden_act));
}

ClipTextConfig read_clip_text_config(const Json& published, const std::string& where) {
  auto config = read_model_config<ClipTextConfig>(published, where);
  if (const auto kinds = published.find("architectures");
      kinds != published.end() && kinds->is_array())
    for (const auto& kind : *kinds) config.with_projection |= kind == "CLIPTextModelWithProjection";
  return config;
}

std::vector<ForeignKey> UNetConfig::foreign() {
  return {{"act_fn", {"silu", "swish"}},
          {"addition_embed_type", {nullptr}},
          {"addition_embed_type_num_heads"},
          {"addition_time_embed_dim", {nullptr}},
          {"attention_type", {"default"}},
          {"class_embed_type", {nullptr}},
          {"class_embeddings_concat", {false}},
          {"conv_in_kernel", {3}},
          {"conv_out_kernel", {3}},
          {"cross_attention_norm", {nullptr}},
          {"downsample_padding", {1}},
          {"dropout"},
          {"dual_cross_attention", {false}},
          {"encoder_hid_dim", {nullptr}},
          {"encoder_hid_dim_type", {nullptr}},
          {"mid_block_scale_factor", {1}},
          {"num_attention_heads", {nullptr}},
          {"num_class_embeds", {nullptr}},
          {"projection_class_embeddings_input_dim", {nullptr}},
          {"resnet_out_scale_factor", {1.0, 1}},
          {"resnet_skip_time_act", {false}},
          {"resnet_time_scale_shift", {"default"}},
          {"reverse_transformer_layers_per_block", {nullptr}},
          {"time_embedding_act_fn", {nullptr}},
          {"time_embedding_dim", {nullptr}},
          {"time_embedding_type", {"positional"}},
          {"timestep_post_act", {nullptr}}};
}

void UNetConfig::check(const std::string& where) const {
  check_channels(block_out_channels, norm_num_groups, where);
  const auto blocks = block_out_channels.size();
  check_length(down_block_types, blocks, "down_block_types", where);
  check_length(up_block_types, blocks, "up_block_types", where);
  check_length(only_cross_attention, blocks, "only_cross_attention", where);
  check_length(layers_per_block, blocks, "layers_per_block", where);
  check_length(cross_attention_dim, blocks, "cross_attention_dim", where);
  check_length(transformer_layers_per_block, blocks, "transformer_layers_per_block", where);
  check_length(attention_head_dim, blocks, "attention_head_dim", where);
  check_types(down_block_types, {"CrossAttnDownBlock2D", "DownBlock2D"}, where);
  check_types(up_block_types, {"CrossAttnUpBlock2D", "UpBlock2D"}, where);
  check_types({mid_block_type}, {"UNetMidBlock2DCrossAttn", "UNetMidBlock2D"}, where);
  check_positive(
      {{"in_channels", in_channels}, {"out_channels", out_channels}, {"sample_size", sample_size}},
      where);
  require(time_cond_proj_dim >= 0 && time_cond_proj_dim <= 65536, where,
          "time_cond_proj_dim is out of range");
  require(block_out_channels[0] % 2 == 0, where,
          "the first block needs an even number of channels");
  for (std::size_t i = 0; i < blocks; ++i) {
    check_positive({{"layers_per_block", layers_per_block[i]},
                    {"cross_attention_dim", cross_attention_dim[i]},
                    {"transformer_layers_per_block", transformer_layers_per_block[i]},
                    {"attention_head_dim", attention_head_dim[i]}},
                   where);
    require(layers_per_block[i] <= 64 && transformer_layers_per_block[i] <= 64, where,
            "more than 64 layers in a block");
    require(block_out_channels[i] % attention_head_dim[i] == 0, where,
            fmt::format("{} channels do not split into {} heads", block_out_channels[i],
                        attention_head_dim[i]));
  }
}

UNetConfig read_unet_config(const Json& published, const std::string& where) {
  auto settled = published;
  // diffusers lets one value of only_cross_attention decide for the middle too.
  if (settled.is_object()) {
    const auto middle = settled.find("mid_block_only_cross_attention");
    const auto all = settled.find("only_cross_attention");
    if ((middle == settled.end() || middle->is_null()) && all != settled.end() && all->is_boolean())
      settled["mid_block_only_cross_attention"] = all->get<bool>();
  }
  return read_model_config<UNetConfig>(settled, where);
}

std::vector<ForeignKey> VaeConfig::foreign() {
  return {{"act_fn", {"silu", "swish"}},
          {"force_upcast"},
          {"latents_mean", {nullptr}},
          {"latents_std", {nullptr}}};
}

void VaeConfig::check(const std::string& where) const {
  check_channels(block_out_channels, norm_num_groups, where);
  check_length(down_block_types, block_out_channels.size(), "down_block_types", where);
  check_length(up_block_types, block_out_channels.size(), "up_block_types", where);
  check_types(down_block_types, {"DownEncoderBlock2D"}, where);
  check_types(up_block_types, {"UpDecoderBlock2D"}, where);
  check_positive({{"in_channels", in_channels},
                  {"out_channels", out_channels},
                  {"layers_per_block", layers_per_block},
                  {"latent_channels", latent_channels}},
                 where);
  require(layers_per_block <= 64, where, "more than 64 layers in a block");
  require(scaling_factor != 0, where, "scaling_factor must not be 0");
}

std::vector<ForeignKey> TinyVaeConfig::foreign() {
  return {{"act_fn", {"relu"}},
          {"block_out_channels"},
          {"force_upcast"},
          {"upsample_fn", {"nearest"}},
          {"upsampling_scaling_factor", {2}}};
}

void TinyVaeConfig::check(const std::string& where) const {
  check_channels(encoder_block_out_channels, 1, where);
  check_channels(decoder_block_out_channels, 1, where);
  const auto levels = encoder_block_out_channels.size();
  check_length(decoder_block_out_channels, levels, "decoder_block_out_channels", where);
  check_length(num_encoder_blocks, levels, "num_encoder_blocks", where);
  check_length(num_decoder_blocks, levels, "num_decoder_blocks", where);
  // The published networks have one width; another would need projections that they do not hold.
  for (const auto& widths : {encoder_block_out_channels, decoder_block_out_channels})
    for (const int width : widths)
      require(width == widths[0], where, "all levels must have the same channels");
  for (const auto& counts : {num_encoder_blocks, num_decoder_blocks})
    for (const int count : counts)
      require(count > 0 && count <= 64, where, "one to 64 blocks per level");
  check_positive({{"in_channels", in_channels},
                  {"out_channels", out_channels},
                  {"latent_channels", latent_channels}},
                 where);
  require(latent_magnitude > 0, where, "latent_magnitude must be positive");
}

}  // namespace sumi
