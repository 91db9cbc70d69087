#pragma once

#include "nn/module.h"

namespace sumi {

/// Zhang & Sennrich 2019, over the last axis: x / sqrt(mean(x²) + epsilon) * weight.
class RmsNorm : public Module {
 public:
  explicit RmsNorm(std::int64_t width, double epsilon = 1e-6);
  /// x: [..., width].
  Tensor forward(const Tensor& x) const;
  /// The same of each head by itself, x: [N, tokens, heads * width].
  Tensor forward_heads(const Tensor& x) const;

 private:
  std::shared_ptr<Parameter> weight_;
  double epsilon_;
};

}  // namespace sumi
