#include "nn/layers.h"

#include <cmath>

namespace sumi {
namespace {

/// LibTorch's start for Linear and Conv2d (Kaiming uniform with a = sqrt 5, and its bias): both are
/// uniform within 1 / sqrt(fan in).
Init fan_in_uniform(std::int64_t fan_in) {
  return Init::uniform(1.0 / std::sqrt(static_cast<double>(fan_in)));
}

const Tensor& value_or_none(const std::shared_ptr<Parameter>& slot) {
  static const Tensor none;
  return slot ? slot->value : none;
}

}  // namespace

Linear::Linear(std::int64_t in, std::int64_t out, Options options) {
  const auto init = fan_in_uniform(in);
  auto shape = std::vector<std::int64_t>{out, in};
  if (options.as_convolution) shape.insert(shape.end(), {1, 1});
  weight_ = parameter("weight", shape, init);
  if (options.bias) bias_ = parameter("bias", {out}, init);
}

Linear Linear::start_at_zero() && {
  weight_->init = Init::constant(0);
  if (bias_) bias_->init = Init::constant(0);
  return *this;
}

Linear Linear::start_normal(double deviation) && {
  weight_->init = Init::normal(deviation);
  if (bias_) bias_->init = Init::constant(0);
  return *this;
}

Tensor Linear::forward(const Tensor& x) const {
  const auto& weight = weight_->value;
  return at::linear(x, weight.dim() == 2 ? weight : weight.flatten(1), value_or_none(bias_));
}

Conv2d::Conv2d(std::int64_t in, std::int64_t out, Options options) : options_(options) {
  const auto init = fan_in_uniform(in * options.kernel * options.kernel);
  weight_ = parameter("weight", {out, in, options.kernel, options.kernel}, init);
  if (options.bias) bias_ = parameter("bias", {out}, init);
}

Conv2d Conv2d::start_at_zero() && {
  weight_->init = Init::constant(0);
  if (bias_) bias_->init = Init::constant(0);
  return *this;
}

Tensor Conv2d::forward(const Tensor& x) const {
  return at::conv2d(x, weight_->value, value_or_none(bias_), options_.stride, options_.padding);
}

GroupNorm::GroupNorm(std::int64_t groups, std::int64_t channels, double epsilon)
    : weight_(parameter("weight", {channels}, Init::constant(1))),
      bias_(parameter("bias", {channels}, Init::constant(0))),
      groups_(groups),
      epsilon_(epsilon) {}

Tensor GroupNorm::forward(const Tensor& x) const {
  return at::group_norm(x, groups_, weight_->value, bias_->value, epsilon_);
}

LayerNorm::LayerNorm(std::int64_t width, double epsilon)
    : weight_(parameter("weight", {width}, Init::constant(1))),
      bias_(parameter("bias", {width}, Init::constant(0))),
      epsilon_(epsilon) {}

Tensor LayerNorm::forward(const Tensor& x) const {
  return at::layer_norm(x, weight_->shape, weight_->value, bias_->value, epsilon_);
}

Embedding::Embedding(std::int64_t rows, std::int64_t width, double deviation)
    : weight_(parameter("weight", {rows, width}, Init::normal(deviation))) {}

Tensor Embedding::forward(const Tensor& ids) const { return at::embedding(weight_->value, ids); }

}  // namespace sumi
