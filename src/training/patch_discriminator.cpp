#include "training/patch_discriminator.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace sumi {
namespace {

constexpr int kGroupWidth = 8;  // channels that are normalised together
constexpr double kEpsilon = 1e-5;
constexpr double kLeak = 0.2;
constexpr int kMostDoublings = 3;

}  // namespace

PatchDiscriminator::PatchDiscriminator(int channels, int levels) : levels_(levels) {
  int in = 3;
  for (int i = 0; i <= levels; ++i) {
    const int out = channels << std::min(i, kMostDoublings);
    convolutions_.push_back(
        add(numbered("convolutions", convolutions_.size()),
            Conv2d(in, out, {.kernel = 4, .stride = i < levels ? 2 : 1, .bias = i == 0})));
    if (i > 0)
      norms_.push_back(
          add(numbered("norms", norms_.size()), GroupNorm(out / kGroupWidth, out, kEpsilon)));
    in = out;
  }
  conv_out_ = add("conv_out", Conv2d(in, 1, {.kernel = 4}));
}

void PatchDiscriminator::need_patches(const Tensor& pictures) const {
  const auto height = pictures.size(2), width = pictures.size(3);
  const std::int64_t least = std::int64_t{3} << levels_;
  if (std::min(height, width) < least)
    throw Error(fmt::format("autoencoder_loss.adversarial.levels: {} leave nothing of pictures of "
                            "{} x {} pixels",
                            levels_, width, height),
                fmt::format("give fewer levels, or pictures of {} pixels and more", least));
}

Tensor PatchDiscriminator::scores(const Tensor& pictures) const {
  Tensor x = pictures.contiguous(at::MemoryFormat::ChannelsLast);
  for (std::size_t i = 0; i < convolutions_.size(); ++i) {
    x = convolutions_[i].forward(x);
    if (i > 0) x = norms_[i - 1].forward(x);
    x = at::leaky_relu(x, kLeak);
  }
  return conv_out_->forward(x);
}

}  // namespace sumi
