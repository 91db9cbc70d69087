#include "nn/kernels/byte_weights.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace sumi {
namespace {

constexpr std::int64_t kPieceFloats = 1 << 20;

/// Powers of weights and of what rounding took from them.
struct Powers {
  double signal = 0;
  double noise = 0;
};

float largest_of(const float* weight, std::int64_t inner) {
  float most = 0;
#pragma omp simd reduction(max : most)
  for (std::int64_t i = 0; i < inner; ++i) most = std::max(most, std::abs(weight[i]));
  return most;
}

/// To the nearest, halves away from zero; |x| <= 127.
std::int8_t rounded(float x) {
  return static_cast<std::int8_t>(static_cast<std::int32_t>(x + std::copysign(0.5f, x)));
}

/// A piece short enough for its powers to be summed in float32.
Powers quantise_piece(const float* weight, std::int64_t count, float scale, std::int8_t* values,
                      std::int32_t& sum) {
  float signal = 0, noise = 0;
  std::int32_t all = 0;
#pragma omp simd reduction(+ : signal, noise, all)
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int8_t value = rounded(weight[i] / scale);
    const float error = weight[i] - scale * static_cast<float>(value);
    values[i] = value;
    all += value;
    signal += weight[i] * weight[i];
    noise += error * error;
  }
  sum += all;
  return {signal, noise};
}

Powers quantise_channel(const float* weight, std::int64_t inner, std::int8_t* values, float& scale,
                        std::int32_t& sum) {
  constexpr std::int64_t kPiece = 1024;
  const float most = largest_of(weight, inner);
  scale = most > 0 ? most / 127 : 1;
  Powers all;
  for (std::int64_t first = 0; first < inner; first += kPiece) {
    const auto powers =
        quantise_piece(weight + first, std::min(kPiece, inner - first), scale, values + first, sum);
    all.signal += powers.signal;
    all.noise += powers.noise;
  }
  return all;
}

ByteWeights empty_weights(std::int64_t out, std::int64_t inner) {
  const auto channels = static_cast<std::size_t>(out);
  return {std::vector<std::int8_t>(static_cast<std::size_t>(out * inner)),
          std::vector<float>(channels), std::vector<std::int32_t>(channels), 0, nullptr};
}

/// Channels first to first + count - 1 of `bytes` from their floats.
Powers quantise_channels(const float* weight, std::int64_t first, std::int64_t count,
                         std::int64_t inner, ByteWeights& bytes) {
  double signal = 0, noise = 0;
#pragma omp parallel for reduction(+ : signal, noise) if (count * inner > 10000)
  for (std::int64_t c = 0; c < count; ++c) {
    const auto at = static_cast<std::size_t>(first + c);
    const auto powers =
        quantise_channel(weight + c * inner, inner, bytes.values.data() + (first + c) * inner,
                         bytes.scale[at], bytes.sum[at]);
    signal += powers.signal;
    noise += powers.noise;
  }
  return {signal, noise};
}

}  // namespace

ByteWeights quantise_weights(const ReadChannels& read, std::int64_t out, std::int64_t inner) {
  const std::int64_t at_once =
      std::max<std::int64_t>(kPieceFloats / std::max<std::int64_t>(inner, 1), 1);
  ByteWeights bytes = empty_weights(out, inner);
  Powers all;
  for (std::int64_t first = 0; first < out; first += at_once) {
    const auto count = std::min(at_once, out - first);
    const auto powers = quantise_channels(read(first, count), first, count, inner, bytes);
    all.signal += powers.signal;
    all.noise += powers.noise;
  }
  bytes.snr_db = all.noise > 0 ? 10 * std::log10(all.signal / all.noise)
                               : std::numeric_limits<double>::infinity();
  return bytes;
}

ByteWeights quantise_weights(const float* weight, std::int64_t out, std::int64_t inner) {
  return quantise_weights([&](std::int64_t first, std::int64_t) { return weight + first * inner; },
                          out, inner);
}

ByteWeights stored_weights(const std::int8_t* values, const float* scale, std::int64_t out,
                           std::int64_t inner) {
  ByteWeights bytes = {{},
                       {scale, scale + out},
                       std::vector<std::int32_t>(static_cast<std::size_t>(out)),
                       0,
                       values};
#pragma omp parallel for if (out * inner > 10000)
  for (std::int64_t c = 0; c < out; ++c)
    bytes.sum[static_cast<std::size_t>(c)] =
        std::accumulate(values + c * inner, values + (c + 1) * inner, std::int32_t{0});
  bytes.snr_db = std::numeric_limits<double>::infinity();
  return bytes;
}

}  // namespace sumi
