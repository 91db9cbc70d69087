#pragma once

#include <optional>

#include "nn/layers.h"

namespace sumi {

/// He et al. 2016 as used in U-Net and VAE: norm, SiLU, convolution, twice; the time embedding,
/// where there is one, is added between. [N, in, H, W] -> [N, out, H, W].
class ResnetBlock : public Module {
 public:
  /// `time_width` 0: no time embedding.
  ResnetBlock(std::int64_t in, std::int64_t out, std::int64_t groups, double epsilon,
              std::int64_t time_width = 0);
  /// activated_time: SiLU of the time embedding, [N, time_width]; undefined without one.
  Tensor forward(Tensor x, const Tensor& activated_time = {}) const;

 private:
  GroupNorm norm1_;
  Conv2d conv1_;
  std::optional<Linear> time_emb_proj_;
  GroupNorm norm2_;
  Conv2d conv2_;
  std::optional<Conv2d> conv_shortcut_;
};

}  // namespace sumi
