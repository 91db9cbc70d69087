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

/// Where one axis of a kernel is evaluated: a row for each point, in the order of Axis.
template <int kTile>
struct KernelAxis {
  float rows[kTile + 2][3];

  constexpr KernelAxis() : rows{} {
    double points[kTile + 1] = {0, 1, -1};
    if (kTile == 4)
      for (int i = 0; i < kTile; ++i)
        points[i + 1] = i % 2 == 0 ? kWinogradPoints[i / 2] : -kWinogradPoints[i / 2];
    for (int i = 0; i <= kTile; ++i) {
      double others = 1;
      for (int j = 0; j <= kTile; ++j)
        if (j != i) others *= points[i] - points[j];
      rows[i][0] = static_cast<float>(1 / others);
      rows[i][1] = static_cast<float>(points[i] / others);
      rows[i][2] = static_cast<float>(points[i] * points[i] / others);
    }
    rows[kTile + 1][2] = 1;
  }
};

/// One input's 3 x 3 kernels of kLanes outputs from `kernels` on, of which `count` exist.
inline void load_kernels(const float* kernels, std::int64_t in, std::int64_t count, Floats* taps) {
  float lanes[9 * kLanes];
  for (std::int64_t lane = 0; lane < kLanes; ++lane)
    for (int k = 0; k < 9; ++k)
      lanes[k * kLanes + lane] = lane < count ? kernels[lane * in * 9 + k] : 0;
  for (int k = 0; k < 9; ++k) taps[k] = load(lanes + k * kLanes);
}

template <int kTile>
void winograd_weights(const float* kernels, std::int64_t in, std::int64_t first, std::int64_t last,
                      std::int64_t outputs, std::int64_t width, float* panel, std::int64_t stride) {
  constexpr int kSide = kTile + 2;
  constexpr KernelAxis<kTile> axis;
  for (std::int64_t o = 0; o < width; o += kLanes)
    for (auto i = first; i < last; ++i) {
      Floats taps[9], half[kSide * 3];
      load_kernels(kernels + (o * in + i) * 9, in, outputs - o, taps);
      for (int u = 0; u < kSide; ++u)
        for (int k = 0; k < 3; ++k)
          half[u * 3 + k] = axis.rows[u][0] * taps[k] + axis.rows[u][1] * taps[3 + k] +
                            axis.rows[u][2] * taps[6 + k];
      for (int u = 0; u < kSide; ++u)
        for (int v = 0; v < kSide; ++v)
          store(panel + (u * kSide + v) * stride + i * width + o,
                axis.rows[v][0] * half[u * 3] + axis.rows[v][1] * half[u * 3 + 1] +
                    axis.rows[v][2] * half[u * 3 + 2]);
    }
}

template <int kTile>
void winograd_input(const float* pixels, std::int64_t row_stride, std::int64_t pixel_stride,
                    std::int64_t channels, float* out, std::int64_t stride) {
  constexpr int kSide = kTile + 2;
  over_channels(channels, [&](std::int64_t c, std::int64_t count) {
    Floats d[kSide * kSide], v[kSide * kSide];
    for (int i = 0; i < kSide; ++i)
      for (int j = 0; j < kSide; ++j)
        d[i * kSide + j] = load(pixels + i * row_stride + j * pixel_stride + c, count);
    for (int i = 0; i < kSide; ++i) Axis<kTile>::input(d + i, kSide, v + i);
    for (int i = 0; i < kSide; ++i) Axis<kTile>::input(v + i * kSide, 1, d + i * kSide);
    for (int i = 0; i < kSide * kSide; ++i) store(out + i * stride + c, d[i], count);
  });
}

/// Sums of a tile's products -> its pixels. `sum(frequency, c, count)` gives some channels of one
/// frequency, `finish(y, c, count)` what becomes of them before the residual.
template <int kTile, class Sum, class Finish>
inline void winograd_pixels(const TilePlace& at, std::int64_t pixel_stride, std::int64_t channels,
                            const float* residual, float* image, const Sum& sum,
                            const Finish& finish) {
  constexpr int kSide = kTile + 2;
  const auto rows = at.height - at.y < kTile ? at.height - at.y : kTile;
  const auto columns = at.width - at.x < kTile ? at.width - at.x : kTile;
  const auto start = (at.y * at.width + at.x) * pixel_stride;
  over_channels(channels, [&](std::int64_t c, std::int64_t count) {
    Floats m[kSide * kSide], half[kTile * kSide], y[kTile * kTile];
    for (int i = 0; i < kSide * kSide; ++i) m[i] = sum(i, c, count);
    for (int i = 0; i < kSide; ++i) Axis<kTile>::output(m + i, kSide, half + i, kSide);
    for (int i = 0; i < kTile; ++i) Axis<kTile>::output(half + i * kSide, 1, y + i * kTile, 1);
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < columns; ++j) {
        const auto pixel = start + (i * at.width + j) * pixel_stride + c;
        const Floats done = finish(y[i * kTile + j], c, count);
        store(image + pixel, residual ? done + load(residual + pixel, count) : done, count);
      }
  });
}

template <int kTile>
void winograd_output(const float* products, std::int64_t stride, const TilePlace& at,
                     std::int64_t pixel_stride, std::int64_t channels, const float* bias,
                     const float* residual, float* image) {
  winograd_pixels<kTile>(
      at, pixel_stride, channels, residual, image,
      [&](int frequency, std::int64_t c, std::int64_t count) {
        return load(products + frequency * stride + c, count);
      },
      [&](Floats y, std::int64_t c, std::int64_t count) { return y + load(bias + c, count); });
}

}  // namespace
}  // namespace sumi
