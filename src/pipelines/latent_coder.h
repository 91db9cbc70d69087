#pragma once

#include <optional>
#include <string>

#include "models/tiny_vae.h"
#include "models/vae.h"

namespace sumi {

/// The side of tiles where nothing else is said, in pixels.
constexpr std::int64_t kDefaultTile_px = 512;

/// When and how pictures are coded in tiles.
struct TilePlan {
  bool always = false;
  bool never = false;
  std::int64_t tile_px = 0;        ///< 0: 512 pixels
  std::uint64_t budget_bytes = 0;  ///< tile when a picture would need more; 0: half the free memory
};

/// Pictures to latents as diffusion sees them (shifted and scaled) and back, by whichever
/// autoencoder the model uses, whole or in tiles.
class LatentCoder {
 public:
  explicit LatentCoder(AutoencoderKL vae) : vae_(std::move(vae)) {}
  explicit LatentCoder(TinyAutoencoder tiny) : tiny_(std::move(tiny)) {}

  /// What its layers multiply in.
  void use_precision(Precision precision);
  /// Pixels per latent along each axis.
  int downscale() const;
  int channels() const;
  /// image: [N, 3, H, W] in [-1, 1] -> the mean of its latents, scaled.
  Tensor encode(const Tensor& image, const TilePlan& tiles = {}) const;
  /// The same without the scaling factor, as instruct-pix2pix's network takes it.
  Tensor encode_unscaled(const Tensor& image, const TilePlan& tiles = {}) const;
  /// Scaled latents -> [N, 3, H, W] in about [-1, 1].
  Tensor decode(const Tensor& latents, const TilePlan& tiles = {}) const;
  /// Peak working memory of decoding one picture whole, an estimate from the widest level.
  std::uint64_t decode_bytes(std::int64_t width_px, std::int64_t height_px) const;
  /// The same in tiles as `tiles` says, where it says always; else whole.
  std::uint64_t decode_bytes(std::int64_t width_px, std::int64_t height_px,
                             const TilePlan& tiles) const;
  /// Memory of the decoder's laid out weights.
  std::uint64_t decoder_layout_bytes() const;
  /// Multiplications and additions of decoding one picture whole.
  double decode_operations(std::int64_t width_px, std::int64_t height_px) const;

 private:
  bool tiled(const TilePlan& tiles, std::int64_t width_px, std::int64_t height_px) const;

  std::optional<AutoencoderKL> vae_;
  std::optional<TinyAutoencoder> tiny_;
};

}  // namespace sumi
