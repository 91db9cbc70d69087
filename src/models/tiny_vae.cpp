#include "models/tiny_vae.h"

#include <charconv>
#include <system_error>

#include "core/error.h"
#include "nn/in_place.h"

namespace sumi {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

/// "12.conv.0.weight" -> {"12", ".conv.0.weight"}.
std::pair<int, std::string> split_layer(const std::string& name) {
  int layer = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), layer);
  if (error != std::errc() || layer < 0 || end == name.data() + name.size() || *end != '.')
    throw Error("\"" + name + "\" is no layer of the tiny autoencoder",
                "give taesd_encoder and taesd_decoder files");
  return {layer, std::string(end, name.data() + name.size())};
}

}  // namespace

TinyVaeBlock::TinyVaeBlock(std::int64_t channels)
    : conv_0_(add("conv.0", Conv2d(channels, channels))),
      conv_2_(add("conv.2", Conv2d(channels, channels))),
      conv_4_(add("conv.4", Conv2d(channels, channels))) {}

Tensor TinyVaeBlock::forward(const Tensor& x) const {
  const auto h = apply_relu(conv_2_.forward(apply_relu(conv_0_.forward(x))));
  return apply_relu(conv_4_.forward(h, x));
}

TinyAutoencoder::TinyAutoencoder(const TinyVaeConfig& c) : config_(c) {
  const auto place = [this](std::vector<Layer>& layers, const char* part, auto layer) {
    layers.push_back(add(numbered(part, layers.size()), layer));
  };
  const auto levels = c.encoder_block_out_channels.size();
  const auto widths_in = c.encoder_block_out_channels, widths_out = c.decoder_block_out_channels;
  for (std::size_t i = 0; i < levels; ++i) {
    if (i == 0) place(encoder_, "encoder.layers", Conv2d(c.in_channels, widths_in[0]));
    if (i > 0)
      place(encoder_, "encoder.layers",
            Conv2d(widths_in[i], widths_in[i], {.stride = 2, .bias = false}));
    for (int n = 0; n < c.num_encoder_blocks[i]; ++n)
      place(encoder_, "encoder.layers", TinyVaeBlock(widths_in[i]));
  }
  place(encoder_, "encoder.layers", Conv2d(widths_in.back(), c.latent_channels));

  place(decoder_, "decoder.layers", Conv2d(c.latent_channels, widths_out[0]));
  decoder_.push_back(Relu{});
  for (std::size_t i = 0; i < levels; ++i) {
    const bool last = i + 1 == levels;
    for (int n = 0; n < c.num_decoder_blocks[i]; ++n)
      place(decoder_, "decoder.layers", TinyVaeBlock(widths_out[i]));
    if (!last) decoder_.push_back(Upsample{});
    place(decoder_, "decoder.layers",
          Conv2d(widths_out[i], last ? c.out_channels : widths_out[i], {.bias = last}));
  }
}

Tensor TinyAutoencoder::run(const std::vector<Layer>& layers, Tensor x) {
  for (const auto& layer : layers)
    x = std::visit(Overloaded{[&](const Relu&) { return apply_relu(x); },
                              [&](const Upsample&) {
                                return at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)});
                              },
                              [&](const auto& module) { return module.forward(x); }},
                   layer);
  return x;
}

Tensor TinyAutoencoder::encode(const Tensor& image) const {
  return run(encoder_, (image * 0.5 + 0.5).contiguous(at::MemoryFormat::ChannelsLast)).contiguous();
}

Tensor TinyAutoencoder::decode(const Tensor& latents) const {
  // Latents out of reach are bent back, softly.
  const auto bent = at::tanh(latents / config_.latent_magnitude) * config_.latent_magnitude;
  return (run(decoder_, bent.contiguous(at::MemoryFormat::ChannelsLast)) * 2 - 1).contiguous();
}

StateDict tiny_vae_from_published(const StateDict& encoder, const StateDict& decoder) {
  StateDict state;
  for (const auto& [name, tensor] : encoder) {
    const auto [layer, rest] = split_layer(name);
    state[numbered("encoder.layers", layer) + rest] = tensor;
  }
  // The published decoder counts the bend of its input as layer 0.
  for (const auto& [name, tensor] : decoder) {
    const auto [layer, rest] = split_layer(name);
    state[numbered("decoder.layers", layer - 1) + rest] = tensor;
  }
  return state;
}

}  // namespace sumi
