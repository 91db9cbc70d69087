#pragma once

#include "nn/kernels/loops.h"
#include "nn/kernels/vector.h"

// Winograd's minimal filtering of tiles (Lavin & Gray 2016), one vector of channels at a time.
// Included by one file per instruction set.

namespace sumi {
namespace {

/// Transforms of one axis for outputs of `kTile` pixels; points 0, p, -p, …, infinity in this
/// order.
template <int kTile>
struct Axis;

/// Points 0, 1, -1, infinity.
template <>
struct Axis<2> {
  static void input(const Floats* d, int step, Floats* v) {
    const Floats d1 = d[step], d2 = d[2 * step];
    v[0] = d2 - d[0];
    v[step] = d2 + d1;
    v[2 * step] = d2 - d1;
    v[3 * step] = d[3 * step] - d1;
  }
  static void output(const Floats* m, int step, Floats* y, int y_step) {
    y[0] = m[0] + m[step] + m[2 * step];
    y[y_step] = m[step] - m[2 * step] + m[3 * step];
  }
};

/// Points 0, a, -a, b, -b, infinity.
template <>
struct Axis<4> {
  static constexpr float a = static_cast<float>(kWinogradPoints[0]);
  static constexpr float b = static_cast<float>(kWinogradPoints[1]);
  static constexpr float aa = a * a, bb = b * b;

  static void input(const Floats* d, int step, Floats* v) {
    const Floats d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
    const Floats d5 = d[5 * step];
    const Floats even_a = d4 - bb * d2, odd_a = a * (d3 - bb * d1);
    const Floats even_b = d4 - aa * d2, odd_b = b * (d3 - aa * d1);
    v[0] = d4 - (aa + bb) * d2 + aa * bb * d0;
    v[step] = even_a + odd_a;
    v[2 * step] = even_a - odd_a;
    v[3 * step] = even_b + odd_b;
    v[4 * step] = even_b - odd_b;
    v[5 * step] = d5 - (aa + bb) * d3 + aa * bb * d1;
  }
  static void output(const Floats* m, int step, Floats* y, int y_step) {
    const Floats even_a = m[step] + m[2 * step], odd_a = a * (m[step] - m[2 * step]);
    const Floats even_b = m[3 * step] + m[4 * step], odd_b = b * (m[3 * step] - m[4 * step]);
    y[0] = m[0] + even_a + even_b;
    y[y_step] = odd_a + odd_b;
    y[2 * y_step] = aa * even_a + bb * even_b;
    y[3 * y_step] = aa * odd_a + bb * odd_b + m[5 * step];
  }
};

/// The pixels a tile covers, by row; those outside of the picture are null.
template <int kSide, class Pixel>
void find_pixels(Pixel* image, const TilePlace& at, std::int64_t channels, Pixel* outside,
                 Pixel** pixels) {
  for (int i = 0; i < kSide; ++i)
    for (int j = 0; j < kSide; ++j) {
      const auto y = at.y + i, x = at.x + j;
      const bool inside = y >= 0 && y < at.height && x >= 0 && x < at.width;
      pixels[i * kSide + j] = inside ? image + (y * at.width + x) * channels : outside;
    }
}

template <int kTile>
void winograd_input(const float* image, const TilePlace& at, std::int64_t channels,
                    const float* zeros, float* out, std::int64_t stride) {
  constexpr int kSide = kTile + 2;
  const float* pixels[kSide * kSide];
  find_pixels<kSide>(image, at, channels, zeros, pixels);
  over_channels(channels, [&](std::int64_t c, std::int64_t count) {
    Floats d[kSide * kSide], v[kSide * kSide];
    for (int i = 0; i < kSide * kSide; ++i) d[i] = load(pixels[i] + c, count);
    for (int i = 0; i < kSide; ++i) Axis<kTile>::input(d + i, kSide, v + i);
    for (int i = 0; i < kSide; ++i) Axis<kTile>::input(v + i * kSide, 1, d + i * kSide);
    for (int i = 0; i < kSide * kSide; ++i) store(out + i * stride + c, d[i], count);
  });
}

template <int kTile>
void winograd_output(const float* products, std::int64_t stride, const TilePlace& at,
                     std::int64_t channels, const float* bias, bool adds, float* image) {
  constexpr int kSide = kTile + 2;
  float* pixels[kTile * kTile];
  find_pixels<kTile, float>(image, at, channels, nullptr, pixels);
  over_channels(channels, [&](std::int64_t c, std::int64_t count) {
    Floats m[kSide * kSide], half[kTile * kSide], y[kTile * kTile];
    for (int i = 0; i < kSide * kSide; ++i) m[i] = load(products + i * stride + c, count);
    for (int i = 0; i < kSide; ++i) Axis<kTile>::output(m + i, kSide, half + i, kSide);
    for (int i = 0; i < kTile; ++i) Axis<kTile>::output(half + i * kSide, 1, y + i * kTile, 1);
    const Floats offset = load(bias + c, count);
    for (int i = 0; i < kTile * kTile; ++i) {
      if (!pixels[i]) continue;
      const Floats sum = y[i] + offset;
      store(pixels[i] + c, adds ? sum + load(pixels[i] + c, count) : sum, count);
    }
  });
}

}  // namespace
}  // namespace sumi
