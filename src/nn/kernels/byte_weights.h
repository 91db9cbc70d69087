#pragma once

#include <cstdint>
#include <vector>

namespace sumi {

/// Weights as signed bytes, with one scale for each output channel.
struct ByteWeights {
  std::vector<std::int8_t> values;  ///< -127..127, laid out as the originals
  std::vector<float> scale;         ///< [out]; weight = scale * value
  std::vector<std::int32_t> sum;    ///< [out]; sum of the channel's values
  double snr_db = 0;                ///< power of the weights over that of the rounding
};

/// weight: [out, inner].
ByteWeights quantise_weights(const float* weight, std::int64_t out, std::int64_t inner);

}  // namespace sumi
