#include "nn/rms_norm.h"

namespace sumi {

RmsNorm::RmsNorm(std::int64_t width, double epsilon)
    : weight_(parameter("weight", {width}, Init::constant(1))), epsilon_(epsilon) {}

Tensor RmsNorm::forward(const Tensor& x) const {
  const Tensor power = x.square().mean(-1, /*keepdim=*/true);
  return x * at::rsqrt(power + epsilon_) * weight_->value;
}

Tensor RmsNorm::forward_heads(const Tensor& x) const {
  return forward(x.view({x.size(0), x.size(1), -1, weight_->shape[0]})).view(x.sizes());
}

}  // namespace sumi
