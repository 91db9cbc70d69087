#pragma once

#include <optional>
#include <vector>

#include "models/configs.h"
#include "models/resnet.h"

namespace sumi {

/// Two residual blocks with single-head self-attention over the pixels between them.
class VaeMidBlock : public Module {
 public:
  VaeMidBlock(const VaeConfig& config, std::int64_t channels);
  Tensor forward(Tensor x) const;

 private:
  struct Attention : Module {
    Attention(std::int64_t channels, std::int64_t groups);
    Tensor forward(const Tensor& x) const;
    GroupNorm group_norm;
    Linear to_q, to_k, to_v, to_out;
  };
  ResnetBlock resnet_0_;
  std::optional<Attention> attention_;
  ResnetBlock resnet_1_;
};

/// Residual blocks of one level and the convolution that changes the resolution after them.
class VaeLevel : public Module {
 public:
  enum class Change { none, halve, twice };
  VaeLevel(const VaeConfig& config, std::int64_t in, std::int64_t out, int layers, Change change);
  Tensor forward(Tensor x) const;

 private:
  Change change_;
  std::vector<ResnetBlock> resnets_;
  std::optional<Conv2d> resample_;
};

/// Picture [N, in_channels, H, W] -> moments [N, 2 * latent_channels, H / downscale, W /
/// downscale].
class VaeEncoder : public Module {
 public:
  explicit VaeEncoder(const VaeConfig& config);
  Tensor forward(const Tensor& image) const;

 private:
  Conv2d conv_in_;
  std::vector<VaeLevel> levels_;
  VaeMidBlock mid_block_;
  GroupNorm conv_norm_out_;
  Conv2d conv_out_;
};

class VaeDecoder : public Module {
 public:
  explicit VaeDecoder(const VaeConfig& config);
  Tensor forward(const Tensor& latents) const;

 private:
  Conv2d conv_in_;
  VaeMidBlock mid_block_;
  std::vector<VaeLevel> levels_;
  GroupNorm conv_norm_out_;
  Conv2d conv_out_;
};

/// The autoencoder of latent diffusion (Rombach et al. 2022; diffusers AutoencoderKL). Latents are
/// unscaled here: diffusion works on (latents - shift_factor) * scaling_factor.
class AutoencoderKL : public Module {
 public:
  explicit AutoencoderKL(const VaeConfig& config);

  /// image: [N, 3, H, W] in [-1, 1], sides multiples of downscale()
  /// -> [N, 2 * latent_channels, H / downscale, W / downscale]: means, then log variances
  /// (unclamped).
  Tensor encode_moments(const Tensor& image) const;
  /// latents: [N, latent_channels, h, w] -> picture in about [-1, 1].
  Tensor decode(const Tensor& latents) const;
  const VaeConfig& config() const { return config_; }

 private:
  VaeConfig config_;
  VaeEncoder encoder_;
  VaeDecoder decoder_;
  std::optional<Conv2d> quant_conv_, post_quant_conv_;
};

/// A draw from the Gaussian that `moments` describe: mean + exp(log variance / 2) * unit_noise, the
/// log variance clamped to [-30, 20].
Tensor sample_moments(const Tensor& moments, const Tensor& unit_noise);
/// Its mean.
Tensor mean_of_moments(const Tensor& moments);

}  // namespace sumi
