#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace sumi {

/// Weights as signed bytes, with one scale for each output channel.
struct ByteWeights {
  std::vector<std::int8_t> values;  ///< -127..127, laid out as the originals; empty if borrowed
  std::vector<float> scale;         ///< [out]; weight = scale * value
  std::vector<std::int32_t> sum;    ///< [out]; sum of the channel's values
  double snr_db = 0;                ///< power of the weights over that of the rounding
  const std::int8_t* borrowed = nullptr;  ///< the values, where they lie in somebody else's memory

  const std::int8_t* data() const { return borrowed ? borrowed : values.data(); }
  /// Once they are packed.
  void give_up_values() {
    values = std::vector<std::int8_t>();  // = {} would keep the memory
    borrowed = nullptr;
  }
};

/// weight: [out, inner].
ByteWeights quantise_weights(const float* weight, std::int64_t out, std::int64_t inner);

/// Gives the floats of channels first to first + count - 1, [count, inner]; valid until the next
/// call.
using ReadChannels = std::function<const float*(std::int64_t first, std::int64_t count)>;

/// The same of weights that need not exist as floats all at once: they are read in pieces of a few
/// MiB, in order.
ByteWeights quantise_weights(const ReadChannels& read, std::int64_t out, std::int64_t inner);

/// Weights that were quantised before. values: [out, inner], borrowed; scale: [out], copied. What
/// was lost is no longer known, and snr_db is infinite.
ByteWeights stored_weights(const std::int8_t* values, const float* scale, std::int64_t out,
                           std::int64_t inner);

}  // namespace sumi
