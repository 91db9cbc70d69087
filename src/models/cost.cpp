#include "models/cost.h"

#include <algorithm>
#include <vector>

namespace sumi {
namespace {

constexpr double kFloat = sizeof(float);

/// Follows a U-Net's forward pass: what is computed, and what lives meanwhile.
class Walk {
 public:
  Walk(bool int8, std::int64_t tokens)
      : read_bytes_(int8 ? 1 : kFloat), tokens_(static_cast<double>(tokens)) {}

  double operations = 0, peak = 0;

  void keep(double bytes) {
    kept_.push_back(bytes);
    held_ += bytes;
  }
  void take() {
    held_ -= kept_.back();
    kept_.pop_back();
  }

  void convolve(double pixels, double in, double out) { operations += 18 * pixels * in * out; }

  /// Norm, convolution, norm, convolution and a shortcut where the channels change.
  void resnet(double pixels, double in, double out) {
    convolve(pixels, in, out);
    convolve(pixels, out, out);
    if (in != out) operations += 2 * pixels * in * out;
    const double first = in * (kFloat + read_bytes_) + out * kFloat;
    const double second = in * kFloat + out * (2 * kFloat + read_bytes_);
    note(pixels * std::max(first, second));
  }

  /// Attention over a sample's pixels, over the context, and GEGLU (8 and 4 widths).
  void transformer(double rows, double pixels, double width, int layers) {
    const double all = rows * pixels;
    operations += 4 * all * width * width;  // into and out of the blocks
    operations += layers * (36 * all * width * width + 4 * all * width * (pixels + tokens_));
    note(all * width * (2 * kFloat + 8 * kFloat + 4 * read_bytes_));
  }

 private:
  void note(double bytes) { peak = std::max(peak, held_ + bytes); }

  double read_bytes_, tokens_, held_ = 0;
  std::vector<double> kept_;
};

}  // namespace

PassCost unet_cost(const UNetConfig& c, std::int64_t rows, std::int64_t width, std::int64_t height,
                   std::int64_t tokens, bool int8) {
  const auto levels = c.block_out_channels.size();
  const auto batch = static_cast<double>(rows);
  std::vector<double> pixels;  // of one sample at each level
  for (std::size_t l = 0; l < levels; ++l) {
    const std::int64_t step = std::int64_t{1} << l;
    pixels.push_back(static_cast<double>((width + step - 1) / step) *
                     static_cast<double>((height + step - 1) / step));
  }
  const auto channels = [&](std::size_t l) { return static_cast<double>(c.block_out_channels[l]); };
  const auto bytes = [&](std::size_t l) { return batch * pixels[l] * channels(l) * kFloat; };
  Walk walk(int8, tokens);
  walk.convolve(batch * pixels[0], c.in_channels, channels(0));
  walk.keep(bytes(0));
  for (std::size_t l = 0; l < levels; ++l) {
    for (int i = 0; i < c.layers_per_block[l]; ++i) {
      walk.resnet(batch * pixels[l], i > 0 || l == 0 ? channels(l) : channels(l - 1), channels(l));
      if (c.down_block_types[l].starts_with("CrossAttn"))
        walk.transformer(batch, pixels[l], channels(l), c.transformer_layers_per_block[l]);
      walk.keep(bytes(l));
    }
    if (l + 1 == levels) break;
    walk.convolve(batch * pixels[l + 1], channels(l), channels(l));
    walk.keep(batch * pixels[l + 1] * channels(l) * kFloat);
  }
  const auto last = levels - 1;
  walk.resnet(batch * pixels[last], channels(last), channels(last));
  if (c.mid_block_type.ends_with("CrossAttn")) {
    walk.transformer(batch, pixels[last], channels(last), c.transformer_layers_per_block[last]);
    walk.resnet(batch * pixels[last], channels(last), channels(last));
  }
  for (std::size_t index = 0; index < levels; ++index) {
    const auto l = last - index;
    for (int i = 0; i <= c.layers_per_block[l]; ++i) {
      const double below = i > 0 || index == 0 ? channels(l) : channels(l + 1);
      const double skip = i < c.layers_per_block[l] || l == 0 ? channels(l) : channels(l - 1);
      walk.resnet(batch * pixels[l], below + skip, channels(l));
      walk.take();
      if (c.up_block_types[index].starts_with("CrossAttn"))
        walk.transformer(batch, pixels[l], channels(l), c.transformer_layers_per_block[l]);
    }
    if (l > 0) walk.convolve(batch * pixels[l - 1], channels(l), channels(l));
  }
  walk.convolve(batch * pixels[0], channels(0), c.out_channels);
  return {walk.operations, static_cast<std::uint64_t>(walk.peak)};
}

double decoder_operations(const VaeConfig& c, std::int64_t width_px, std::int64_t height_px) {
  Walk walk(false, 0);
  const auto levels = c.block_out_channels.size();
  double pixels = static_cast<double>(width_px / c.downscale()) *
                  static_cast<double>(height_px / c.downscale());
  double channels = c.block_out_channels.back();
  walk.convolve(pixels, c.latent_channels, channels);
  walk.resnet(pixels, channels, channels);
  walk.operations += 8 * pixels * channels * channels + 4 * pixels * pixels * channels;
  walk.resnet(pixels, channels, channels);
  for (std::size_t index = 0; index < levels; ++index) {
    const double out = c.block_out_channels[levels - 1 - index];
    for (int i = 0; i <= c.layers_per_block; ++i) {
      walk.resnet(pixels, channels, out);
      channels = out;
    }
    if (index + 1 == levels) break;
    pixels *= 4;
    walk.convolve(pixels, channels, channels);
  }
  walk.convolve(pixels, channels, c.out_channels);
  return walk.operations;
}

}  // namespace sumi
