#include "models/vae.h"

#include <algorithm>

#include "models/spatial_transformer.h"
#include "nn/attention.h"
#include "nn/fused.h"

namespace sumi {
namespace {

constexpr double kEpsilon = 1e-6;
constexpr Conv2d::Options kPointwise = {.kernel = 1, .padding = 0};

Tensor channels_last(const Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

}  // namespace

VaeMidBlock::Attention::Attention(std::int64_t channels, std::int64_t groups)
    : group_norm(add("group_norm", GroupNorm(groups, channels, kEpsilon))),
      to_q(add("to_q", Linear(channels, channels))),
      to_k(add("to_k", Linear(channels, channels))),
      to_v(add("to_v", Linear(channels, channels))),
      to_out(add("to_out.0", Linear(channels, channels))) {}

Tensor VaeMidBlock::Attention::forward(const Tensor& x) const {
  const auto tokens = to_tokens(group_norm.forward(x));
  const auto mixed =
      attention(to_q.forward(tokens), to_k.forward(tokens), to_v.forward(tokens), /*heads=*/1);
  return to_pixels(to_out.forward(mixed, to_tokens(x)), x.size(2), x.size(3));
}

VaeMidBlock::VaeMidBlock(const VaeConfig& c, std::int64_t channels)
    : resnet_0_(add("resnets.0", ResnetBlock(channels, channels, c.norm_num_groups, kEpsilon))),
      resnet_1_(add("resnets.1", ResnetBlock(channels, channels, c.norm_num_groups, kEpsilon))) {
  if (c.mid_block_add_attention)
    attention_ = add("attentions.0", Attention(channels, c.norm_num_groups));
}

Tensor VaeMidBlock::forward(Tensor x) const {
  x = resnet_0_.forward(std::move(x));
  if (attention_) x = attention_->forward(x);
  return resnet_1_.forward(std::move(x));
}

VaeLevel::VaeLevel(const VaeConfig& c, std::int64_t in, std::int64_t out, int layers, Change change)
    : change_(change) {
  for (int layer = 0; layer < layers; ++layer)
    resnets_.push_back(add(numbered("resnets", layer),
                           ResnetBlock(layer == 0 ? in : out, out, c.norm_num_groups, kEpsilon)));
  if (change == Change::halve)
    resample_ = add("downsamplers.0.conv", Conv2d(out, out, {.stride = 2, .padding = 0}));
  if (change == Change::twice) resample_ = add("upsamplers.0.conv", Conv2d(out, out));
}

Tensor VaeLevel::forward(Tensor x) const {
  for (const auto& resnet : resnets_) x = resnet.forward(std::move(x));
  if (change_ == Change::none) return x;
  if (change_ == Change::twice)
    return convolve_enlarged(*resample_, x, 2 * x.size(2), 2 * x.size(3));
  // Halving pads at the right and the bottom only.
  return resample_->forward(channels_last(at::constant_pad_nd(x, {0, 1, 0, 1})));
}

VaeEncoder::VaeEncoder(const VaeConfig& c)
    : conv_in_(add("conv_in", Conv2d(c.in_channels, c.block_out_channels[0]))),
      levels_([&] {
        std::vector<VaeLevel> levels;
        const auto& channels = c.block_out_channels;
        for (std::size_t i = 0; i < channels.size(); ++i)
          levels.push_back(
              add(numbered("down_blocks", i),
                  VaeLevel(
                      c, channels[i == 0 ? 0 : i - 1], channels[i], c.layers_per_block,
                      i + 1 < channels.size() ? VaeLevel::Change::halve : VaeLevel::Change::none)));
        return levels;
      }()),
      mid_block_(add("mid_block", VaeMidBlock(c, c.block_out_channels.back()))),
      conv_norm_out_(add("conv_norm_out",
                         GroupNorm(c.norm_num_groups, c.block_out_channels.back(), kEpsilon))),
      conv_out_(add("conv_out", Conv2d(c.block_out_channels.back(), 2 * c.latent_channels))) {}

Tensor VaeEncoder::forward(const Tensor& image) const {
  auto x = conv_in_.forward(image);
  for (const auto& level : levels_) x = level.forward(std::move(x));
  x = mid_block_.forward(std::move(x));
  return convolve_normed(conv_norm_out_, conv_out_, x);
}

VaeDecoder::VaeDecoder(const VaeConfig& c)
    : conv_in_(add("conv_in", Conv2d(c.latent_channels, c.block_out_channels.back()))),
      mid_block_(add("mid_block", VaeMidBlock(c, c.block_out_channels.back()))),
      levels_([&] {
        std::vector<VaeLevel> levels;
        const std::vector<int> channels(c.block_out_channels.rbegin(), c.block_out_channels.rend());
        for (std::size_t i = 0; i < channels.size(); ++i)
          levels.push_back(
              add(numbered("up_blocks", i),
                  VaeLevel(
                      c, channels[i == 0 ? 0 : i - 1], channels[i], c.layers_per_block + 1,
                      i + 1 < channels.size() ? VaeLevel::Change::twice : VaeLevel::Change::none)));
        return levels;
      }()),
      conv_norm_out_(
          add("conv_norm_out", GroupNorm(c.norm_num_groups, c.block_out_channels[0], kEpsilon))),
      conv_out_(add("conv_out", Conv2d(c.block_out_channels[0], c.out_channels))) {}

Tensor VaeDecoder::forward(const Tensor& latents) const {
  auto x = mid_block_.forward(conv_in_.forward(latents));
  for (const auto& level : levels_) x = level.forward(std::move(x));
  return convolve_normed(conv_norm_out_, conv_out_, x);
}

AutoencoderKL::AutoencoderKL(const VaeConfig& c)
    : config_(c), encoder_(add("encoder", VaeEncoder(c))), decoder_(add("decoder", VaeDecoder(c))) {
  if (c.use_quant_conv)
    quant_conv_ =
        add("quant_conv", Conv2d(2 * c.latent_channels, 2 * c.latent_channels, kPointwise));
  if (c.use_post_quant_conv)
    post_quant_conv_ =
        add("post_quant_conv", Conv2d(c.latent_channels, c.latent_channels, kPointwise));
}

Tensor AutoencoderKL::encode_moments(const Tensor& image) const {
  auto moments = encoder_.forward(channels_last(image));
  if (quant_conv_) moments = quant_conv_->forward(moments);
  return moments.contiguous();
}

Tensor AutoencoderKL::decode(const Tensor& latents) const {
  const auto x = channels_last(latents);
  return decoder_.forward(post_quant_conv_ ? post_quant_conv_->forward(x) : x).contiguous();
}

Tensor mean_of_moments(const Tensor& moments) { return moments.chunk(2, 1)[0]; }

Tensor sample_moments(const Tensor& moments, const Tensor& unit_noise) {
  const auto halves = moments.chunk(2, 1);
  return halves[0] + at::exp(0.5 * halves[1].clamp(-30, 20)) * unit_noise;
}

}  // namespace sumi
