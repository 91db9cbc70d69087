#include "pipelines/latent_coder.h"

#include <algorithm>

#include "models/cost.h"
#include "pipelines/tiling.h"

namespace sumi {
namespace {

/// A quarter of a tile is shared with its neighbour: wide enough that the decoder's view beyond a
/// tile's edge, and the slightly different norms of the two tiles, fade out unseen.
constexpr std::int64_t kOverlapParts = 4;

}  // namespace

void LatentCoder::use_precision(Precision precision) {
  if (vae_) set_precision(*vae_, precision);
  if (tiny_) set_precision(*tiny_, precision);
}

int LatentCoder::downscale() const {
  return vae_ ? vae_->config().downscale() : tiny_->config().downscale();
}

int LatentCoder::channels() const {
  return vae_ ? vae_->config().latent_channels : tiny_->config().latent_channels;
}

std::uint64_t LatentCoder::decode_bytes(std::int64_t width_px, std::int64_t height_px) const {
  const auto pixels = static_cast<std::uint64_t>(width_px) * static_cast<std::uint64_t>(height_px);
  const auto fine = vae_ ? vae_->config().block_out_channels.front()
                         : tiny_->config().decoder_block_out_channels.back();
  const auto wide = vae_ && vae_->config().block_out_channels.size() > 1
                        ? vae_->config().block_out_channels[1]
                        : fine;
  // At full resolution a residual block holds its input, the wider output of the level below and
  // one more.
  return pixels * sizeof(float) * static_cast<std::uint64_t>(2 * fine + wide);
}

std::uint64_t LatentCoder::decode_bytes(std::int64_t width_px, std::int64_t height_px,
                                        const TilePlan& tiles) const {
  const auto tile = tiles.tile_px > 0 ? tiles.tile_px : kDefaultTile_px;
  if (!tiles.always || (width_px <= tile && height_px <= tile))
    return decode_bytes(width_px, height_px);
  // Beside a tile the picture as a weighted sum, the sum of the weights and the quotient.
  constexpr std::uint64_t kWhole = 8 * sizeof(float);
  return decode_bytes(std::min(tile, width_px), std::min(tile, height_px)) +
         static_cast<std::uint64_t>(width_px * height_px) * kWhole;
}

std::uint64_t LatentCoder::decoder_layout_bytes() const {
  std::uint64_t bytes = 0;
  const auto slots = vae_ ? vae_->slots() : tiny_->slots();
  for (const auto& [path, slot] : slots)
    if (slot->layout_bytes && !path.starts_with("encoder.") && !path.starts_with("quant_conv."))
      bytes += slot->layout_bytes();
  return bytes;
}

double LatentCoder::decode_operations(std::int64_t width_px, std::int64_t height_px) const {
  if (vae_) return decoder_operations(vae_->config(), width_px, height_px);
  // Nine products of a pixel for each weight, most of them at the finest two levels.
  const auto pixels = static_cast<double>(width_px) * static_cast<double>(height_px);
  const double width = tiny_->config().decoder_block_out_channels.back();
  return pixels * width * width * 18 * 4;
}

bool LatentCoder::tiled(const TilePlan& tiles, std::int64_t width_px,
                        std::int64_t height_px) const {
  if (tiles.always || tiles.never) return tiles.always;
  const auto budget = tiles.budget_bytes > 0 ? tiles.budget_bytes : available_memory_bytes() / 2;
  return budget > 0 && decode_bytes(width_px, height_px) > budget;
}

Tensor LatentCoder::encode_unscaled(const Tensor& image, const TilePlan& tiles) const {
  const auto one = [&](const Tensor& part) {
    return vae_ ? mean_of_moments(vae_->encode_moments(part)) : tiny_->encode(part);
  };
  if (!tiled(tiles, image.size(3), image.size(2))) return one(image);
  const auto tile = tiles.tile_px > 0 ? tiles.tile_px : kDefaultTile_px;
  return map_tiles(image, tile, tile / kOverlapParts, 1, downscale(), one);
}

Tensor LatentCoder::encode(const Tensor& image, const TilePlan& tiles) const {
  const Tensor latents = encode_unscaled(image, tiles);
  return vae_ ? (latents - vae_->config().shift_factor) * vae_->config().scaling_factor : latents;
}

Tensor LatentCoder::decode(const Tensor& latents, const TilePlan& tiles) const {
  const auto one = [&](const Tensor& part) {
    return vae_ ? vae_->decode(part / vae_->config().scaling_factor + vae_->config().shift_factor)
                : tiny_->decode(part);
  };
  if (!tiled(tiles, latents.size(3) * downscale(), latents.size(2) * downscale()))
    return one(latents);
  const auto tile = std::max<std::int64_t>(
      (tiles.tile_px > 0 ? tiles.tile_px : kDefaultTile_px) / downscale(), 8);
  return map_tiles(latents, tile, tile / kOverlapParts, downscale(), 1, one);
}

}  // namespace sumi
