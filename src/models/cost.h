#pragma once

#include <cstdint>

#include "models/configs.h"

namespace sumi {

/// What one pass of a network takes, told by its configuration.
struct PassCost {
  double operations = 0;               ///< multiplications and additions of its products
  std::uint64_t activation_bytes = 0;  ///< the most that live at the same time
};

/// A U-Net on `rows` samples of latents of that size, each with `tokens` of context. `int8`: what
/// flows into a product is bytes where a norm or GEGLU writes it.
PassCost unet_cost(const UNetConfig& config, std::int64_t rows, std::int64_t width,
                   std::int64_t height, std::int64_t tokens, bool int8);

/// The operations of decoding one picture of that size in pixels. Its memory is the decoder's own
/// choice: LatentCoder::decode_bytes.
double decoder_operations(const VaeConfig& config, std::int64_t width_px, std::int64_t height_px);

}  // namespace sumi
