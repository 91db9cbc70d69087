#pragma once

#include <optional>
#include <vector>

#include "nn/layers.h"

namespace sumi {

/// Tells real pictures from made ones, patch by patch (Isola et al. 2017, section 3.2.2; Esser et
/// al. 2021): `levels` strided 4 x 4 convolutions and two plain ones, each but the last with leaky
/// ReLU, each but the first and last with a norm. Its norm is GroupNorm, so that a picture's scores
/// depend on no other picture and nothing runs along beside the weights.
class PatchDiscriminator : public Module {
 public:
  /// `channels` of the first level, a multiple of 8; doubled at each further one up to eight times.
  PatchDiscriminator(int channels, int levels);

  /// Throws Error naming the recipe's field where pictures [N, 3, H, W] are too small.
  void need_patches(const Tensor& pictures) const;
  /// [N, 3, H, W] in [-1, 1] -> [N, 1, H / 2^levels - 2, W / 2^levels - 2]: high where real.
  Tensor scores(const Tensor& pictures) const;

 private:
  int levels_;
  std::vector<Conv2d> convolutions_;  ///< all but the last; each but the first has a norm
  std::vector<GroupNorm> norms_;
  std::optional<Conv2d> conv_out_;
};

}  // namespace sumi
