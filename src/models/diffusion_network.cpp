#include "models/diffusion_network.h"

#include <stdexcept>

namespace sumi {

DiffusionNetwork::DiffusionNetwork(UNet unet) : Module(unet), network_(std::move(unet)) {}

DiffusionNetwork::DiffusionNetwork(MMDiT transformer)
    : Module(transformer), network_(std::move(transformer)) {}

Tensor DiffusionNetwork::forward(const Tensor& sample, const Tensor& timesteps,
                                 const TextInputs& text, const UNetOptions& options) const {
  if (const auto* unet = std::get_if<UNet>(&network_))
    return unet->forward(sample, timesteps, text.context, options);
  if (options.merging.ratio > 0 || options.timestep_cond.defined())
    throw std::logic_error("a transformer merges no tokens and takes no guidance scale");
  return transformer().forward(sample, timesteps, text.context.tokens(), text.pooled,
                               {.observe = options.observe,
                                .keep_deep = options.keep_deep,
                                .deep = options.deep,
                                .recompute_blocks = options.recompute_blocks});
}

std::int64_t DiffusionNetwork::in_channels() const {
  return is_transformer() ? transformer().config().in_channels : unet().config().in_channels;
}

std::int64_t DiffusionNetwork::context_width() const {
  return is_transformer() ? transformer().config().joint_attention_dim
                          : unet().config().cross_attention_dim.front();
}

}  // namespace sumi
