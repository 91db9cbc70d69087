#include "nn/kernels/byte_weights.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sumi {
namespace {

/// Powers of the weights and of what rounding took from them.
struct Powers {
  double signal = 0;
  double noise = 0;
};

Powers quantise_channel(const float* weight, std::int64_t inner, std::int8_t* values, float& scale,
                        std::int32_t& sum) {
  float most = 0;
  for (std::int64_t i = 0; i < inner; ++i) most = std::max(most, std::abs(weight[i]));
  scale = most > 0 ? most / 127 : 1;
  Powers powers;
  for (std::int64_t i = 0; i < inner; ++i) {
    const auto value = static_cast<std::int8_t>(std::lround(weight[i] / scale));
    const double error = double{weight[i]} - double{scale} * value;
    values[i] = value;
    sum += value;
    powers.signal += double{weight[i]} * weight[i];
    powers.noise += error * error;
  }
  return powers;
}

}  // namespace

ByteWeights quantise_weights(const float* weight, std::int64_t out, std::int64_t inner) {
  const auto channels = static_cast<std::size_t>(out);
  ByteWeights bytes = {std::vector<std::int8_t>(static_cast<std::size_t>(out * inner)),
                       std::vector<float>(channels), std::vector<std::int32_t>(channels)};
  double signal = 0, noise = 0;
#pragma omp parallel for reduction(+ : signal, noise) if (out * inner > 10000)
  for (std::int64_t c = 0; c < out; ++c) {
    const auto at = static_cast<std::size_t>(c);
    const auto powers = quantise_channel(weight + c * inner, inner, bytes.values.data() + c * inner,
                                         bytes.scale[at], bytes.sum[at]);
    signal += powers.signal;
    noise += powers.noise;
  }
  bytes.snr_db =
      noise > 0 ? 10 * std::log10(signal / noise) : std::numeric_limits<double>::infinity();
  return bytes;
}

}  // namespace sumi
