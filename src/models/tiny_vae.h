#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "models/configs.h"
#include "nn/layers.h"

namespace sumi {

/// Three convolutions with ReLU between, added to the input, then ReLU.
class TinyVaeBlock : public Module {
 public:
  explicit TinyVaeBlock(std::int64_t channels);
  Tensor forward(const Tensor& x) const;

 private:
  Conv2d conv_0_, conv_2_, conv_4_;
};

/// TAESD: a distilled autoencoder whose latents are those of the big one, times its scaling factor.
class TinyAutoencoder : public Module {
 public:
  explicit TinyAutoencoder(const TinyVaeConfig& config);

  /// Picture in [-1, 1] -> latents as diffusion sees them (already scaled).
  Tensor encode(const Tensor& image) const;
  /// Such latents -> picture in about [-1, 1].
  Tensor decode(const Tensor& latents) const;
  const TinyVaeConfig& config() const { return config_; }

 private:
  struct Relu {};
  struct Upsample {};
  using Layer = std::variant<Conv2d, TinyVaeBlock, Relu, Upsample>;
  static Tensor run(const std::vector<Layer>& layers, Tensor x);

  TinyVaeConfig config_;
  std::vector<Layer> encoder_, decoder_;
};

/// The two published files (taesd_encoder, taesd_decoder) under diffusers' names. Throws Error for
/// names that are not numbered layers.
StateDict tiny_vae_from_published(const StateDict& encoder, const StateDict& decoder);

}  // namespace sumi
