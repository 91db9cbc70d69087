#pragma once

#include "core/tensor.h"
#include "models/configs.h"

namespace sumi {

/// Stable Diffusion's U-Net written as plain calls of LibTorch (conv2d, linear, group_norm, softmax
/// attention, NCHW) over diffusers' tensor names: what sumi bench holds our U-Net against. Numbers
/// as UNet's for the architectures of SD 1.x and 2.x.
class PlainUNet {
 public:
  PlainUNet(UNetConfig config, StateDict weights)
      : config_(std::move(config)), weights_(std::move(weights)) {}

  /// sample: [N, C, H, W]; timesteps: float [N]; context: [N, tokens, width].
  Tensor forward(const Tensor& sample, const Tensor& timesteps, const Tensor& context) const;

 private:
  const Tensor& weight(const std::string& name) const { return weights_.at(name); }
  Tensor bias(const std::string& path) const;
  Tensor linear(const std::string& path, const Tensor& x) const;
  Tensor convolution(const std::string& path, const Tensor& x, int stride = 1) const;
  Tensor group_norm(const std::string& path, const Tensor& x, double epsilon) const;
  Tensor layer_norm(const std::string& path, const Tensor& x) const;
  Tensor resnet(const std::string& path, const Tensor& x, const Tensor& time) const;
  Tensor attend(const std::string& path, const Tensor& x, const Tensor& context, int heads) const;
  Tensor block(const std::string& path, Tensor x, const Tensor& context, int heads) const;
  Tensor transformer(const std::string& path, const Tensor& x, const Tensor& context,
                     std::size_t level) const;

  UNetConfig config_;
  StateDict weights_;
};

}  // namespace sumi
