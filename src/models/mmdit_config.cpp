#include "models/mmdit_config.h"

#include <algorithm>

namespace sumi {

bool MMDiTConfig::is_dual(int layer) const {
  return std::find(dual_attention_layers.begin(), dual_attention_layers.end(), layer) !=
         dual_attention_layers.end();
}

std::vector<ForeignKey> MMDiTConfig::foreign() { return {}; }

void MMDiTConfig::check(const std::string& where) const {
  const auto require = [&](bool holds, const std::string& what) {
    if (!holds)
      throw Error(fmt::format("{}: {}", where, what),
                  "the config is damaged or belongs to a network that Sumi does not know");
  };
  for (const auto& [name, value, most] : std::initializer_list<std::tuple<const char*, int, int>>{
           {"sample_size", sample_size, 65536},
           {"patch_size", patch_size, 64},
           {"in_channels", in_channels, 65536},
           {"out_channels", out_channels, 65536},
           {"num_layers", num_layers, 256},
           {"attention_head_dim", attention_head_dim, 65536},
           {"num_attention_heads", num_attention_heads, 4096},
           {"joint_attention_dim", joint_attention_dim, 1 << 24},
           {"pooled_projection_dim", pooled_projection_dim, 1 << 24},
           {"pos_embed_max_size", pos_embed_max_size, 4096}})
    require(value > 0 && value <= most,
            fmt::format("{} must be 1 to {}, it is {}", name, most, value));
  const std::int64_t inner = std::int64_t{num_attention_heads} * attention_head_dim;
  require(inner <= 65536,
          fmt::format("{} heads of {} are too wide", num_attention_heads, attention_head_dim));
  require(caption_projection_dim == inner,
          fmt::format("caption_projection_dim is {}, {} heads of {} are {}", caption_projection_dim,
                      num_attention_heads, attention_head_dim, inner));
  require(inner % 4 == 0, "the width of the streams must be a multiple of 4");
  require(sample_size <= pos_embed_max_size * patch_size,
          fmt::format("pos_embed_max_size is {}: too small for latents of {}", pos_embed_max_size,
                      sample_size));
  require(qk_norm.empty() || qk_norm == "rms_norm",
          fmt::format("qk_norm \"{}\" is not supported", qk_norm));
  for (const int layer : dual_attention_layers)
    require(layer >= 0 && layer < num_layers,
            fmt::format("dual_attention_layers names block {} of {}", layer, num_layers));
}

}  // namespace sumi
