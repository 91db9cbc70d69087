#include "cli/plain_unet.h"

#include <fmt/format.h>

#include <cmath>

#include "models/unet.h"

namespace sumi {

Tensor PlainUNet::bias(const std::string& path) const {
  const auto found = weights_.find(path + ".bias");
  return found == weights_.end() ? Tensor() : found->second;
}

Tensor PlainUNet::linear(const std::string& path, const Tensor& x) const {
  return at::linear(x, weight(path + ".weight"), bias(path));
}

Tensor PlainUNet::convolution(const std::string& path, const Tensor& x, int stride) const {
  const auto& kernel = weight(path + ".weight");
  return at::conv2d(x, kernel, bias(path), stride, kernel.size(2) / 2);
}

Tensor PlainUNet::group_norm(const std::string& path, const Tensor& x, double epsilon) const {
  return at::group_norm(x, config_.norm_num_groups, weight(path + ".weight"), bias(path), epsilon);
}

Tensor PlainUNet::layer_norm(const std::string& path, const Tensor& x) const {
  return at::layer_norm(x, {x.size(-1)}, weight(path + ".weight"), bias(path), 1e-5);
}

Tensor PlainUNet::resnet(const std::string& path, const Tensor& x, const Tensor& time) const {
  auto h = at::silu(group_norm(path + ".norm1", x, config_.norm_eps));
  h = convolution(path + ".conv1", h);
  h = h + linear(path + ".time_emb_proj", time).unsqueeze(-1).unsqueeze(-1);
  h = at::silu(group_norm(path + ".norm2", h, config_.norm_eps));
  h = convolution(path + ".conv2", h);
  const bool projected = weights_.contains(path + ".conv_shortcut.weight");
  return h + (projected ? convolution(path + ".conv_shortcut", x) : x);
}

Tensor PlainUNet::attend(const std::string& path, const Tensor& x, const Tensor& context,
                         int heads) const {
  const auto split = [&](const Tensor& t) {  // [N, tokens, dim] -> [N, heads, tokens, width]
    return t.view({t.size(0), t.size(1), heads, t.size(2) / heads}).transpose(1, 2);
  };
  const auto q = split(linear(path + ".to_q", x));
  const auto k = split(linear(path + ".to_k", context));
  const auto v = split(linear(path + ".to_v", context));
  const auto scale = 1 / std::sqrt(static_cast<double>(q.size(-1)));
  const auto scores = at::softmax(at::matmul(q, k.transpose(-2, -1)) * scale, -1);
  const auto mixed = at::matmul(scores, v).transpose(1, 2).reshape(x.sizes());
  return linear(path + ".to_out.0", mixed);
}

Tensor PlainUNet::block(const std::string& path, Tensor x, const Tensor& context, int heads) const {
  const auto own = layer_norm(path + ".norm1", x);
  x = x + attend(path + ".attn1", own, own, heads);
  x = x + attend(path + ".attn2", layer_norm(path + ".norm2", x), context, heads);
  const auto halves = linear(path + ".ff.net.0.proj", layer_norm(path + ".norm3", x)).chunk(2, -1);
  return x + linear(path + ".ff.net.2", halves[0] * at::gelu(halves[1]));
}

Tensor PlainUNet::transformer(const std::string& path, const Tensor& x, const Tensor& context,
                              std::size_t level) const {
  const auto h = x.size(2), w = x.size(3);
  const bool matrices = config_.use_linear_projection;
  auto normed = group_norm(path + ".norm", x, 1e-6);
  if (!matrices) normed = convolution(path + ".proj_in", normed);
  auto tokens = normed.permute({0, 2, 3, 1}).reshape({x.size(0), h * w, -1});
  if (matrices) tokens = linear(path + ".proj_in", tokens);
  for (int i = 0; i < config_.transformer_layers_per_block[level]; ++i)
    tokens = block(fmt::format("{}.transformer_blocks.{}", path, i), tokens, context,
                   config_.attention_head_dim[level]);
  if (matrices) tokens = linear(path + ".proj_out", tokens);
  auto pixels = tokens.reshape({x.size(0), h, w, -1}).permute({0, 3, 1, 2}).contiguous();
  return x + (matrices ? pixels : convolution(path + ".proj_out", pixels));
}

Tensor PlainUNet::forward(const Tensor& sample, const Tensor& timesteps,
                          const Tensor& context) const {
  const auto levels = config_.block_out_channels.size();
  auto time = timestep_embedding(timesteps, config_.block_out_channels[0], config_.flip_sin_to_cos,
                                 config_.freq_shift);
  time = linear("time_embedding.linear_2", at::silu(linear("time_embedding.linear_1", time)));
  time = at::silu(time);
  auto x = convolution("conv_in", sample);
  std::vector<Tensor> skips = {x};
  for (std::size_t level = 0; level < levels; ++level) {
    const auto path = fmt::format("down_blocks.{}.", level);
    const bool attends = config_.down_block_types[level] == "CrossAttnDownBlock2D";
    for (int i = 0; i < config_.layers_per_block[level]; ++i) {
      x = resnet(fmt::format("{}resnets.{}", path, i), x, time);
      if (attends) x = transformer(fmt::format("{}attentions.{}", path, i), x, context, level);
      skips.push_back(x);
    }
    if (level + 1 < levels) skips.push_back(x = convolution(path + "downsamplers.0.conv", x, 2));
  }
  x = resnet("mid_block.resnets.0", x, time);
  x = transformer("mid_block.attentions.0", x, context, levels - 1);
  x = resnet("mid_block.resnets.1", x, time);
  for (std::size_t up = 0; up < levels; ++up) {
    const auto level = levels - 1 - up;
    const auto path = fmt::format("up_blocks.{}.", up);
    const bool attends = config_.up_block_types[up] == "CrossAttnUpBlock2D";
    for (int i = 0; i <= config_.layers_per_block[level]; ++i) {
      x = at::cat({x, skips.back()}, 1);
      skips.pop_back();
      x = resnet(fmt::format("{}resnets.{}", path, i), x, time);
      if (attends) x = transformer(fmt::format("{}attentions.{}", path, i), x, context, level);
    }
    if (up + 1 < levels)
      x = convolution(path + "upsamplers.0.conv",
                      at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}));
  }
  return convolution("conv_out", at::silu(group_norm("conv_norm_out", x, config_.norm_eps)));
}

}  // namespace sumi
