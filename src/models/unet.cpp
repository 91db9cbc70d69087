#include "models/unet.h"

#include "nn/fused.h"
#include "nn/in_place.h"
#include "nn/recompute.h"

namespace sumi {
namespace {

std::int64_t time_width(const UNetConfig& c) { return 4 * c.block_out_channels[0]; }

ResnetBlock resnet(const UNetConfig& c, std::int64_t in, std::int64_t out) {
  return ResnetBlock(in, out, c.norm_num_groups, c.norm_eps, time_width(c));
}

/// Attention of the blocks at level `level` (0 is the finest).
SpatialTransformer transformer(const UNetConfig& c, std::size_t level, bool only_cross) {
  return SpatialTransformer({.channels = c.block_out_channels[level],
                             .context = c.cross_attention_dim[level],
                             .heads = c.attention_head_dim[level],
                             .layers = c.transformer_layers_per_block[level],
                             .groups = c.norm_num_groups,
                             .linear_projection = c.use_linear_projection,
                             .only_cross = only_cross});
}

/// Whether no finer level has attention than this one.
bool finest_attention(const UNetConfig& c, std::size_t level) {
  for (std::size_t finer = 0; finer < level; ++finer)
    if (c.down_block_types[finer] == "CrossAttnDownBlock2D") return false;
  return true;
}

/// Layers on the way up that a pass over the outermost layers computes: those that the first layer
/// on the way down and the first convolution have skips to.
constexpr std::size_t kOutermostLayers = 2;

template <class Block>
std::vector<Block> blocks_of(const UNetConfig& c,
                             const std::function<Block(std::size_t, Block)>& add) {
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < c.block_out_channels.size(); ++i)
    blocks.push_back(add(i, Block(c, i)));
  return blocks;
}

/// A block's input as its own: its gradients within the block are added up first, as where blocks
/// are computed twice.
Tensor own_input(Tensor x) {
  if (torch::GradMode::is_enabled() && x.requires_grad()) return x.alias();
  return x;  // moved: what has one holder may be written over
}

/// The inputs that all blocks share, as one block's own, for the same reason.
UNetInputs own_inputs(const UNetInputs& inputs) {
  const bool trained = torch::GradMode::is_enabled() && inputs.time.requires_grad();
  if (!trained) return inputs;
  return {inputs.time.alias(), AttendedContext(inputs.context.tokens().alias()), inputs.merging};
}

}  // namespace

UNetDownBlock::UNetDownBlock(const UNetConfig& c, std::size_t index)
    : finest_attention_(finest_attention(c, index)) {
  const auto out = c.block_out_channels[index];
  for (int layer = 0; layer < c.layers_per_block[index]; ++layer) {
    const auto in = layer > 0 ? out : c.block_out_channels[index == 0 ? 0 : index - 1];
    resnets_.push_back(add(numbered("resnets", layer), resnet(c, in, out)));
    if (c.down_block_types[index] == "CrossAttnDownBlock2D")
      attentions_.push_back(
          add(numbered("attentions", layer), transformer(c, index, c.only_cross_attention[index])));
  }
  if (index + 1 < c.block_out_channels.size())
    downsamplers_.push_back(add("downsamplers.0.conv", Conv2d(out, out, {.stride = 2})));
}

Tensor UNetDownBlock::layer(std::size_t i, Tensor x, const UNetInputs& inputs,
                            std::vector<Tensor>& skips) const {
  x = resnets_[i].forward(std::move(x), inputs.time);
  if (!attentions_.empty())
    x = attentions_[i].forward(x, inputs.context,
                               finest_attention_ ? inputs.merging : MergingSettings{});
  skips.push_back(x);
  return x;
}

Tensor UNetDownBlock::forward(Tensor x, const UNetInputs& inputs,
                              std::vector<Tensor>& skips) const {
  for (std::size_t i = 0; i < resnets_.size(); ++i) x = layer(i, std::move(x), inputs, skips);
  for (const auto& down : downsamplers_) skips.push_back(x = down.forward(x));
  return x;
}

Tensor UNetDownBlock::forward_first(Tensor x, const UNetInputs& inputs,
                                    std::vector<Tensor>& skips) const {
  return layer(0, std::move(x), inputs, skips);
}

UNetMidBlock::UNetMidBlock(const UNetConfig& c) {
  const auto last = c.block_out_channels.size() - 1;
  const auto channels = c.block_out_channels[last];
  resnets_.push_back(add("resnets.0", resnet(c, channels, channels)));
  if (c.mid_block_type == "UNetMidBlock2D") return;
  attentions_.push_back(
      add("attentions.0", transformer(c, last, c.mid_block_only_cross_attention)));
  resnets_.push_back(add("resnets.1", resnet(c, channels, channels)));
}

Tensor UNetMidBlock::forward(Tensor x, const UNetInputs& inputs) const {
  x = resnets_[0].forward(std::move(x), inputs.time);
  for (const auto& attention : attentions_) x = attention.forward(x, inputs.context);
  return resnets_.size() > 1 ? resnets_[1].forward(std::move(x), inputs.time) : x;
}

/// Block `index` counts from the coarsest; its skips come from the down block of the same level and
/// the last of them from the level above it.
UNetUpBlock::UNetUpBlock(const UNetConfig& c, std::size_t index)
    : finest_attention_(finest_attention(c, c.block_out_channels.size() - 1 - index)) {
  const auto levels = c.block_out_channels.size();
  const auto level = levels - 1 - index;
  const auto out = c.block_out_channels[level];
  const auto below = c.block_out_channels[index == 0 ? level : level + 1];
  const auto above = c.block_out_channels[level == 0 ? 0 : level - 1];
  const int layers = c.layers_per_block[level] + 1;
  for (int layer = 0; layer < layers; ++layer) {
    const auto in = layer == 0 ? below : out;
    const auto skip = layer + 1 == layers ? above : out;
    resnets_.push_back(add(numbered("resnets", layer), resnet(c, in + skip, out)));
    if (c.up_block_types[index] == "CrossAttnUpBlock2D")
      attentions_.push_back(
          add(numbered("attentions", layer), transformer(c, level, c.only_cross_attention[level])));
  }
  if (index + 1 < levels) upsamplers_.push_back(add("upsamplers.0.conv", Conv2d(out, out)));
}

Tensor UNetUpBlock::layer(std::size_t i, Tensor x, const UNetInputs& inputs,
                          std::vector<Tensor>& skips) const {
  x = at::cat({x, skips.back()}, 1);
  skips.pop_back();
  x = resnets_[i].forward(std::move(x), inputs.time);
  if (attentions_.empty()) return x;
  return attentions_[i].forward(x, inputs.context,
                                finest_attention_ ? inputs.merging : MergingSettings{});
}

Tensor UNetUpBlock::forward(Tensor x, const UNetInputs& inputs, std::vector<Tensor>& skips,
                            Tensor* deep) const {
  for (std::size_t i = 0; i < resnets_.size(); ++i) {
    if (deep && i + kOutermostLayers == resnets_.size()) *deep = x;
    x = layer(i, std::move(x), inputs, skips);
  }
  // The next skip's size, not twice ours: an odd side was rounded up on the way down.
  for (const auto& up : upsamplers_)
    x = convolve_enlarged(up, x, skips.back().size(2), skips.back().size(3));
  return x;
}

Tensor UNetUpBlock::forward_last(Tensor deep, const UNetInputs& inputs,
                                 std::vector<Tensor>& skips) const {
  Tensor x = std::move(deep);
  for (auto i = resnets_.size() - kOutermostLayers; i < resnets_.size(); ++i)
    x = layer(i, std::move(x), inputs, skips);
  return x;
}

UNet::UNet(const UNetConfig& c)
    : config_(c),
      conv_in_(add("conv_in", Conv2d(c.in_channels, c.block_out_channels[0]))),
      time_linear_1_(
          add("time_embedding.linear_1", Linear(c.block_out_channels[0], time_width(c)))),
      time_linear_2_(add("time_embedding.linear_2", Linear(time_width(c), time_width(c)))),
      down_blocks_(blocks_of<UNetDownBlock>(c,
                                            [this](std::size_t i, UNetDownBlock block) {
                                              return add(numbered("down_blocks", i), block);
                                            })),
      mid_block_(add("mid_block", UNetMidBlock(c))),
      up_blocks_(blocks_of<UNetUpBlock>(c,
                                        [this](std::size_t i, UNetUpBlock block) {
                                          return add(numbered("up_blocks", i), block);
                                        })),
      conv_norm_out_(
          add("conv_norm_out", GroupNorm(c.norm_num_groups, c.block_out_channels[0], c.norm_eps))),
      conv_out_(add("conv_out", Conv2d(c.block_out_channels[0], c.out_channels).start_at_zero())) {
  if (c.time_cond_proj_dim > 0)
    cond_proj_.push_back(add(
        "time_embedding.cond_proj",
        Linear(c.time_cond_proj_dim, c.block_out_channels[0], {.bias = false}).start_at_zero()));
}

Tensor UNet::embed_time(const Tensor& timesteps, const Tensor& timestep_cond,
                        torch::ScalarType dtype) const {
  auto time = timestep_embedding(timesteps, config_.block_out_channels[0], config_.flip_sin_to_cos,
                                 config_.freq_shift)
                  .to(dtype);
  if (!cond_proj_.empty() && timestep_cond.defined())
    time = time + cond_proj_[0].forward(timestep_cond);
  return time_linear_2_.forward(apply_silu(time_linear_1_.forward(time)));
}

/// Every block's inputs are {x, time, context, skips…}.
Tensor UNet::through_recomputed(Tensor x, const UNetInputs& inputs) const {
  const auto given = [merging = inputs.merging](const std::vector<Tensor>& tensors) {
    return UNetInputs{tensors[1], AttendedContext(tensors[2]), merging};
  };
  const Tensor time = inputs.time, context = inputs.context.tokens();
  std::vector<Tensor> skips = {x};
  for (const auto& block : down_blocks_) {
    const TensorFunction part = [&block, given](const std::vector<Tensor>& tensors) {
      std::vector<Tensor> made;
      block.forward(tensors[0], given(tensors), made);
      return made;
    };
    const auto made = recomputed(part, {x, time, context});
    skips.insert(skips.end(), made.begin(), made.end());
    x = made.back();
  }
  x = recomputed(
          [this, given](const std::vector<Tensor>& tensors) {
            return std::vector<Tensor>{mid_block_.forward(tensors[0], given(tensors))};
          },
          {x, time, context})
          .front();
  for (const auto& block : up_blocks_) {
    const auto taken = skips.end() - static_cast<std::ptrdiff_t>(block.layers());
    std::vector<Tensor> tensors = {x, time, context};
    tensors.insert(tensors.end(), taken, skips.end());
    skips.erase(taken, skips.end());
    // The block reads the size of the skip that follows.
    const Tensor next = skips.empty() ? Tensor() : skips.back().detach();
    const TensorFunction part = [&block, given, next](const std::vector<Tensor>& own) {
      std::vector<Tensor> left = {next};
      left.insert(left.end(), own.begin() + 3, own.end());
      return std::vector<Tensor>{block.forward(own[0], given(own), left)};
    };
    x = recomputed(part, tensors).front();
  }
  return x;
}

Tensor UNet::through_all(Tensor x, const UNetInputs& inputs, const UNetOptions& options) const {
  const auto note = [&](const std::string& part, const Tensor& output) {
    if (options.observe) options.observe(part, output);
  };
  std::vector<Tensor> skips = {x};
  for (std::size_t i = 0; i < down_blocks_.size(); ++i) {
    x = down_blocks_[i].forward(own_input(std::move(x)), own_inputs(inputs), skips);
    note(numbered("down_blocks", i), x);
  }
  x = mid_block_.forward(own_input(std::move(x)), own_inputs(inputs));
  note("mid_block", x);
  for (std::size_t i = 0; i < up_blocks_.size(); ++i) {
    const bool last = i + 1 == up_blocks_.size();
    x = up_blocks_[i].forward(own_input(std::move(x)), own_inputs(inputs), skips,
                              last ? options.keep_deep : nullptr);
    note(numbered("up_blocks", i), x);
  }
  return x;
}

Tensor UNet::through_outermost(Tensor x, const UNetInputs& inputs, const Tensor& deep) const {
  std::vector<Tensor> skips = {x};
  down_blocks_.front().forward_first(std::move(x), inputs, skips);
  return up_blocks_.back().forward_last(deep, inputs, skips);
}

Tensor UNet::forward(const Tensor& sample, const Tensor& timesteps, const AttendedContext& context,
                     const UNetOptions& options) const {
  const auto note = [&](const std::string& part, const Tensor& output) {
    if (options.observe) options.observe(part, output);
  };
  auto time = embed_time(timesteps, options.timestep_cond, sample.scalar_type());
  note("time_embedding", time);
  const UNetInputs inputs = {apply_silu(std::move(time)), context, options.merging};
  // Channels last in memory: convolutions, norms and attention then work without reordering pixels.
  auto x = sample.contiguous(at::MemoryFormat::ChannelsLast);
  x = conv_in_.forward(config_.center_input_sample ? 2 * x - 1 : x);
  note("conv_in", x);
  const bool twice = options.recompute_blocks && torch::GradMode::is_enabled();
  x = options.deep.defined() ? through_outermost(std::move(x), inputs, options.deep)
      : twice                ? through_recomputed(std::move(x), inputs)
                             : through_all(std::move(x), inputs, options);
  if (options.observe) note("conv_norm_out", conv_norm_out_.forward(x));
  return convolve_normed(conv_norm_out_, conv_out_, x).contiguous();
}

}  // namespace sumi
