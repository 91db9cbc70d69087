#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <initializer_list>

// The widest registers that the including file is compiled for. Each version of the loops includes
// this header with its own flags; all of it is in an unnamed namespace, so that the linker cannot
// give one version's code to another.

namespace sumi {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Floats __attribute__((vector_size(4 * kLanes)));
typedef std::int32_t Ints __attribute__((vector_size(4 * kLanes)));
typedef std::uint8_t Bytes __attribute__((vector_size(kLanes)));

/// Adding it rounds a float below 2^22 to an integer, which then stands in the low bits.
constexpr float kRounder = 12582912.0f;

inline Floats all(float value) { return Floats{} + value; }

inline Floats load(const float* from) {
  Floats x;
  std::memcpy(&x, from, sizeof(x));
  return x;
}

/// The first `count` lanes; the others are zero.
inline Floats load(const float* from, std::int64_t count) {
  if (count >= kLanes) return load(from);
  Floats x = {};
  for (std::int64_t i = 0; i < count; ++i) x[i] = from[i];
  return x;
}

inline void store(float* to, Floats x) { std::memcpy(to, &x, sizeof(x)); }

inline void store(float* to, Floats x, std::int64_t count) {
  if (count >= kLanes) return store(to, x);
  for (std::int64_t i = 0; i < count; ++i) to[i] = x[i];
}

/// Calls visit(first, count) for runs of at most kLanes channels.
template <class Visit>
inline void over_channels(std::int64_t channels, const Visit& visit) {
  std::int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) visit(c, std::int64_t{kLanes});
  if (c < channels) visit(c, channels - c);
}

inline Floats smaller(Floats a, Floats b) { return a < b ? a : b; }
inline Floats larger(Floats a, Floats b) { return a > b ? a : b; }

inline float sum_of(Floats x) {
  float sum = 0;
  for (int i = 0; i < kLanes; ++i) sum += x[i];
  return sum;
}

/// Rounds to the nearest integer within 0..255.
inline Bytes to_bytes(Floats x) {
  const Floats rounded = smaller(larger(x, all(0)), all(255)) + kRounder;
  return __builtin_convertvector(std::bit_cast<Ints>(rounded) & 0xff, Bytes);
}

inline void store(std::uint8_t* to, Bytes x, std::int64_t count) {
  if (count >= kLanes) {
    std::memcpy(to, &x, sizeof(x));
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) to[i] = x[i];
}

/// e^x for |x| <= 87, beyond it the value there. Relative error below 2e-7: x = n ln 2 + r, and the
/// Taylor series of e^r to r^7.
inline Floats exponential(Floats x) {
  x = smaller(larger(x, all(-87)), all(87));
  const Floats shifted = x * 1.44269504088896341f + kRounder;
  const Floats n = shifted - kRounder;
  const Floats r = x - n * 0.693359375f + n * 2.12194440e-4f;
  Floats series = all(1.0f / 5040);
  for (const float term : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
    series = series * r + term;
  const Ints power = (std::bit_cast<Ints>(shifted) - 0x4b400000 + 127) << 23;
  return series * std::bit_cast<Floats>(power);
}

/// x * sigmoid(x).
inline Floats silu_of(Floats x) { return x / (1.0f + exponential(-x)); }

/// x * Phi(x), Phi the normal distribution: Abramowitz & Stegun 7.1.26 gives the tail beyond |x|.
inline Floats gelu_of(Floats x) {
  const Floats size = larger(x, -x) * 0.70710678118654752f;
  const Floats t = 1.0f / (1.0f + 0.3275911f * size);
  Floats series = all(1.061405429f);
  for (const float term : {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f})
    series = series * t + term;
  const Floats tail = 0.5f * series * t * exponential(-size * size);
  return x * (x > 0 ? 1.0f - tail : tail);
}

}  // namespace
}  // namespace sumi
