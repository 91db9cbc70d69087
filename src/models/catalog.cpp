#include "models/catalog.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace sumi {
namespace {

/// Families that a diffusers folder names in model_index.json, and that later versions may read.
struct LaterFamily {
  std::string_view pipeline, name;
};
constexpr std::array kLaterFamilies = {
    LaterFamily{"StableDiffusionXL", "SDXL"},
    LaterFamily{"StableDiffusionUpscale", "the SD 2 upscaler"},
    LaterFamily{"StableDiffusionLatentUpscale", "the SD 2 latent upscaler"},
    LaterFamily{"StableDiffusionDepth", "SD 2 depth"},
    LaterFamily{"StableUnCLIP", "unCLIP"},
    LaterFamily{"StableVideoDiffusion", "Stable Video Diffusion"},
    LaterFamily{"StableCascade", "Stable Cascade"},
    LaterFamily{"Wuerstchen", "Würstchen"},
    LaterFamily{"Flux", "Flux"},
    LaterFamily{"PixArt", "PixArt"},
    LaterFamily{"Kandinsky", "Kandinsky"},
    LaterFamily{"HunyuanDiT", "Hunyuan-DiT"},
    LaterFamily{"AuraFlow", "AuraFlow"},
    LaterFamily{"Sana", "Sana"},
    LaterFamily{"QwenImage", "Qwen-Image"},
    LaterFamily{"IF", "DeepFloyd IF"},
};

[[noreturn]] void refuse(const std::string& name) {
  throw Error(
      fmt::format("this model is of the family {}, which is known but not yet supported", name),
      "use a checkpoint of Stable Diffusion 1.x or 2.x, or one that Sumi trained");
}

/// Reads shapes by canonical name; a missing one means that the file is no such network.
class Shapes {
 public:
  Shapes(const PlacedTensors& tensors, const char* part) : tensors_(tensors), part_(part) {}
  bool has(const std::string& name) const { return tensors_.contains(name); }
  int length(const std::string& name, std::size_t axis) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end() || found->second.shape.size() <= axis)
      throw Error(fmt::format("the {} has no usable tensor {}", part_, name),
                  "the file is incomplete, or of a family that Sumi does not know");
    const auto length = found->second.shape[axis];
    if (length <= 0 || length > (1 << 24))
      throw Error(fmt::format("the {}'s tensor {} is empty or far too large", part_, name),
                  "the file is damaged");
    return static_cast<int>(length);
  }
  std::size_t rank(const std::string& name) const {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? 0 : found->second.shape.size();
  }
  /// How many consecutive numbers {} stand in a name of the form "down_blocks.{}.conv.weight".
  template <class Name>
  int count(const Name& name) const {
    int n = 0;
    while (n < 1024 && has(name(n))) ++n;
    return n;
  }

 private:
  const PlacedTensors& tensors_;
  const char* part_;
};

std::string weight(const std::string& prefix, int i, const std::string& middle, int j,
                   const std::string& end) {
  return fmt::format("{}.{}.{}.{}.{}", prefix, i, middle, j, end);
}

const PlacedTensors* component(const CheckpointFiles& files, const std::string& name) {
  const auto found = files.components.find(name);
  return found == files.components.end() || found->second.empty() ? nullptr : &found->second;
}

const Json* config_of(const CheckpointFiles& files, const std::string& name) {
  const auto found = files.configs.find(name);
  return found == files.configs.end() || !found->second.is_object() ? nullptr : &found->second;
}

std::string text_of(const Json* json, const char* key) {
  if (!json) return "";
  const auto found = json->find(key);
  return found != json->end() && found->is_string() ? found->get<std::string>() : "";
}

/// The longest name in the table that begins the pipeline's class name.
void refuse_later_families(const CheckpointFiles& files) {
  const auto pipeline = text_of(config_of(files, "model_index"), "_class_name");
  for (const auto& later : kLaterFamilies)
    if (pipeline.starts_with(later.pipeline)) refuse(std::string(later.name));
  if (files.family == "sd3") return;
  if (files.components.contains("text_encoder_2")) refuse("SDXL");
  if (files.components.contains("transformer"))
    refuse(pipeline.empty() ? "diffusion transformers" : pipeline);
}

std::string variant_of(int in_channels, int latent_channels) {
  if (in_channels == latent_channels) return "text-to-image";
  if (in_channels == 2 * latent_channels + 1) return "inpainting";
  if (in_channels == 2 * latent_channels) return "instruct-pix2pix";
  if (in_channels == latent_channels + 1) refuse("SD 2 depth");
  if (in_channels == latent_channels + 3) refuse("the SD 2 upscaler");
  throw Error(
      fmt::format("a U-Net with {} input channels is of no family that Sumi knows", in_channels),
      "supported: text to image (4), instruct-pix2pix (8), inpainting (9)");
}

std::string prediction_of(const CheckpointFiles& files, const ModelSpec& spec,
                          const SpecOverrides& overrides) {
  const auto* scheduler = config_of(files, "scheduler");
  if (spec.has_transformer || text_of(scheduler, "_class_name").starts_with("FlowMatch"))
    return "flow";
  if (!overrides.prediction_type.empty()) return overrides.prediction_type;
  if (const auto type = text_of(scheduler, "prediction_type"); !type.empty()) return type;
  if (const auto hint = files.hints.find("prediction_type"); hint != files.hints.end())
    return hint->second;
  const bool bare_sd2 = spec.family == "sd2" && !config_of(files, "unet");
  return bare_sd2 && spec.variant == "text-to-image" ? "v_prediction" : "epsilon";
}

void check_prediction(const std::string& type) {
  if (type == "epsilon" || type == "v_prediction" || type == "sample" || type == "flow") return;
  throw Error(fmt::format("prediction type \"{}\" is not known", type),
              "use epsilon, v_prediction or sample");
}

int size_of(const CheckpointFiles& files, const ModelSpec& spec) {
  if (config_of(files, "unet")) return spec.unet.sample_size * spec.vae.downscale();
  if (spec.has_transformer) return spec.transformer.sample_size * spec.vae.downscale();
  if (const auto hint = files.hints.find("resolution"); hint != files.hints.end()) {
    int side = 0;
    std::from_chars(hint->second.data(), hint->second.data() + hint->second.size(), side);
    if (side >= 64 && side <= 8192) return side;
  }
  return spec.family == "sd2" && spec.prediction_type == "v_prediction" ? 768 : 512;
}

}  // namespace

bool is_tiny_vae(const PlacedTensors& vae) { return vae.contains("decoder.layers.0.weight"); }

UNetConfig unet_config_from_shapes(const PlacedTensors& unet, const std::string& family,
                                   const SpecOverrides& overrides) {
  const Shapes shapes(unet, "U-Net");
  UNetConfig c;
  c.in_channels = shapes.length("conv_in.weight", 1);
  c.out_channels = shapes.length("conv_out.weight", 0);
  const auto first_norm = [](int i) {
    return weight("down_blocks", i, "resnets", 0, "norm1.weight");
  };
  const int blocks = shapes.count(first_norm);
  c.block_out_channels.clear();
  c.layers_per_block.clear();
  c.down_block_types.clear();
  c.up_block_types.clear();
  c.transformer_layers_per_block.clear();
  for (int i = 0; i < blocks; ++i) {
    c.block_out_channels.push_back(
        shapes.length(weight("down_blocks", i, "resnets", 0, "conv1.weight"), 0));
    c.layers_per_block.push_back(shapes.count(
        [&](int j) { return weight("down_blocks", i, "resnets", j, "norm1.weight"); }));
    const auto attention = [&](const char* side, int block) {
      return shapes.has(weight(side, block, "attentions", 0, "norm.weight"));
    };
    c.down_block_types.push_back(attention("down_blocks", i) ? "CrossAttnDownBlock2D"
                                                             : "DownBlock2D");
    c.up_block_types.push_back(attention("up_blocks", i) ? "CrossAttnUpBlock2D" : "UpBlock2D");
    const int layers = shapes.count([&](int k) {
      return fmt::format("down_blocks.{}.attentions.0.transformer_blocks.{}.norm1.weight", i, k);
    });
    c.transformer_layers_per_block.push_back(std::max(layers, 1));
  }
  const std::string middle = "mid_block.attentions.0.";
  const bool attends = shapes.has(middle + "norm.weight");
  c.mid_block_type = attends ? "UNetMidBlock2DCrossAttn" : "UNetMidBlock2D";
  const int context =
      attends ? shapes.length(middle + "transformer_blocks.0.attn2.to_k.weight", 1) : 768;
  c.cross_attention_dim.assign(blocks, context);
  c.only_cross_attention.assign(blocks, false);
  c.use_linear_projection = attends && shapes.rank(middle + "proj_in.weight") == 2;
  c.norm_num_groups = overrides.norm_num_groups > 0 ? overrides.norm_num_groups : 32;
  c.time_cond_proj_dim = shapes.has("time_embedding.cond_proj.weight")
                             ? shapes.length("time_embedding.cond_proj.weight", 1)
                             : 0;
  const int head_size = overrides.unet_head_size > 0 ? overrides.unet_head_size : 64;
  c.attention_head_dim.clear();
  for (const int channels : c.block_out_channels)
    c.attention_head_dim.push_back(overrides.unet_heads > 0 ? overrides.unet_heads
                                   : family == "sd2"        ? std::max(channels / head_size, 1)
                                                            : 8);
  c.check("U-Net");
  return c;
}

MMDiTConfig mmdit_config_from_shapes(const PlacedTensors& transformer) {
  const Shapes shapes(transformer, "transformer");
  const auto block = [](int i, const char* name) {
    return fmt::format("transformer_blocks.{}.{}", i, name);
  };
  MMDiTConfig c;
  const int width = shapes.length("pos_embed.proj.weight", 0);
  c.in_channels = shapes.length("pos_embed.proj.weight", 1);
  c.patch_size = shapes.length("pos_embed.proj.weight", 2);
  c.out_channels = shapes.length("proj_out.weight", 0) / (c.patch_size * c.patch_size);
  c.pos_embed_max_size =
      static_cast<int>(std::lround(std::sqrt(shapes.length("pos_embed.pos_embed", 1))));
  c.num_layers = shapes.count([&](int i) { return block(i, "norm1.linear.weight"); });
  c.joint_attention_dim = shapes.length("context_embedder.weight", 1);
  c.caption_projection_dim = width;
  c.pooled_projection_dim = shapes.length("time_text_embed.text_embedder.linear_1.weight", 1);
  // A norm of queries has the width of a head; without one it is the published 64.
  if (shapes.has(block(0, "attn.norm_q.weight"))) {
    c.qk_norm = "rms_norm";
    c.attention_head_dim = shapes.length(block(0, "attn.norm_q.weight"), 0);
  }
  c.num_attention_heads = std::max(width / c.attention_head_dim, 1);
  for (int i = 0; i < c.num_layers; ++i)
    if (shapes.has(block(i, "attn2.to_q.weight"))) c.dual_attention_layers.push_back(i);
  c.sample_size = std::min(c.sample_size, c.pos_embed_max_size * c.patch_size);
  c.check("transformer");
  return c;
}

VaeConfig vae_config_from_shapes(const PlacedTensors& vae, const SpecOverrides& overrides) {
  const Shapes shapes(vae, "VAE");
  VaeConfig c;
  c.in_channels = shapes.length("encoder.conv_in.weight", 1);
  c.out_channels = shapes.length("decoder.conv_out.weight", 0);
  c.latent_channels = shapes.length("decoder.conv_in.weight", 1);
  const int levels = shapes.count(
      [](int i) { return weight("encoder.down_blocks", i, "resnets", 0, "norm1.weight"); });
  c.block_out_channels.clear();
  for (int i = 0; i < levels; ++i)
    c.block_out_channels.push_back(
        shapes.length(weight("encoder.down_blocks", i, "resnets", 0, "conv1.weight"), 0));
  c.down_block_types.assign(levels, "DownEncoderBlock2D");
  c.up_block_types.assign(levels, "UpDecoderBlock2D");
  c.layers_per_block = shapes.count(
      [](int j) { return weight("encoder.down_blocks", 0, "resnets", j, "norm1.weight"); });
  c.norm_num_groups = overrides.norm_num_groups > 0 ? overrides.norm_num_groups : 32;
  c.use_quant_conv = shapes.has("quant_conv.weight");
  c.use_post_quant_conv = shapes.has("post_quant_conv.weight");
  c.mid_block_add_attention = shapes.has("encoder.mid_block.attentions.0.to_q.weight");
  c.check("VAE");
  return c;
}

ClipTextConfig text_config_from_shapes(const PlacedTensors& text, const std::string& family,
                                       const SpecOverrides& overrides) {
  const Shapes shapes(text, "text encoder");
  ClipTextConfig c;
  const std::string table = "text_model.embeddings.token_embedding.weight";
  c.vocab_size = shapes.length(table, 0);
  c.hidden_size = shapes.length(table, 1);
  c.max_position_embeddings = shapes.length("text_model.embeddings.position_embedding.weight", 0);
  c.num_hidden_layers = shapes.count(
      [](int i) { return fmt::format("text_model.encoder.layers.{}.layer_norm1.weight", i); });
  c.intermediate_size = shapes.length("text_model.encoder.layers.0.mlp.fc1.weight", 0);
  c.num_attention_heads =
      overrides.text_heads > 0 ? overrides.text_heads : std::max(c.hidden_size / 64, 1);
  c.hidden_act = family == "sd2" ? "gelu" : "quick_gelu";
  c.with_projection = shapes.has("text_projection.weight");
  c.projection_dim = c.with_projection ? shapes.length("text_projection.weight", 0) : c.hidden_size;
  c.check("text encoder");
  return c;
}

TinyVaeConfig tiny_vae_config_from_shapes(const PlacedTensors& vae) {
  const Shapes shapes(vae, "tiny autoencoder");
  TinyVaeConfig c;
  const auto width = [&](const char* part) {
    return shapes.length(fmt::format("{}.layers.0.weight", part), 0);
  };
  c.in_channels = shapes.length("encoder.layers.0.weight", 1);
  c.latent_channels = shapes.length("decoder.layers.0.weight", 1);
  c.encoder_block_out_channels.assign(4, width("encoder"));
  c.decoder_block_out_channels.assign(4, width("decoder"));
  c.check("tiny autoencoder");
  return c;
}

namespace {

void describe_vae(const CheckpointFiles& files, const SpecOverrides& overrides, ModelSpec& spec) {
  const auto* vae = component(files, "vae");
  const auto* json = config_of(files, "vae");
  spec.has_vae = vae;
  spec.tiny_vae = vae && is_tiny_vae(*vae);
  if (spec.tiny_vae)
    spec.tiny = json ? read_model_config<TinyVaeConfig>(*json, "vae/config.json")
                     : tiny_vae_config_from_shapes(*vae);
  else if (json)
    spec.vae = read_model_config<VaeConfig>(*json, "vae/config.json");
  else if (vae)
    spec.vae = vae_config_from_shapes(*vae, overrides);
  if (vae && !json && spec.family == "sd3") {  // as published
    spec.vae.scaling_factor = 1.5305;
    spec.vae.shift_factor = 0.0609;
  }
}

int count_text_encoders(const CheckpointFiles& files) {
  int count = 0;
  for (const char* name : {"text_encoder", "text_encoder_2", "text_encoder_3"})
    count += component(files, name) != nullptr;
  return count;
}

void describe_transformer(const CheckpointFiles& files, ModelSpec& spec) {
  const auto* transformer = component(files, "transformer");
  spec.has_transformer = transformer;
  if (const auto* json = config_of(files, "transformer"))
    spec.transformer = read_model_config<MMDiTConfig>(*json, "transformer/config.json");
  else if (transformer)
    spec.transformer = mmdit_config_from_shapes(*transformer);
  if (spec.has_transformer) spec.variant = "text-to-image";
}

}  // namespace

ModelSpec describe_model(const CheckpointFiles& files, const SpecOverrides& overrides) {
  refuse_later_families(files);
  ModelSpec spec;
  spec.family = files.family;
  const auto* unet = component(files, "unet");
  const auto* text = component(files, "text_encoder");
  spec.has_unet = unet;
  spec.has_text = text;
  if (const auto* json = config_of(files, "unet"))
    spec.unet = read_unet_config(*json, "unet/config.json");
  else if (unet)
    spec.unet = unet_config_from_shapes(*unet, spec.family, overrides);
  describe_transformer(files, spec);
  describe_vae(files, overrides, spec);
  spec.text_encoders = count_text_encoders(files);
  if (const auto* json = config_of(files, "text_encoder")) {
    spec.text = read_clip_text_config(*json, "text_encoder/config.json");
    // Not every config says which class it is of.
    if (spec.has_transformer && text && text->contains("text_projection.weight"))
      spec.text.with_projection = true;
  } else if (text) {
    spec.text = text_config_from_shapes(*text, spec.family, overrides);
    // Published towers have 24 layers, and SD 2 was trained on the output of the 23rd.
    if (spec.family == "sd2" && spec.text.num_hidden_layers == 24) spec.skipped_text_layers = 1;
  }
  if (unet) {
    spec.variant = variant_of(spec.unet.in_channels, spec.unet.out_channels);
    spec.guidance_distilled = spec.unet.time_cond_proj_dim > 0;
  }
  spec.prediction_type = prediction_of(files, spec, overrides);
  check_prediction(spec.prediction_type);
  spec.size_px = size_of(files, spec);
  return spec;
}

}  // namespace sumi
