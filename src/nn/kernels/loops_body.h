#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "nn/kernels/loops.h"
#include "nn/kernels/product_body.h"
#include "nn/kernels/row_moments.h"
#include "nn/kernels/vector.h"
#include "nn/kernels/winograd_body.h"

// Included by one file per instruction set, which gives `kBody` its name.

namespace sumi {
namespace {

constexpr float kHuge = std::numeric_limits<float>::max();

struct RangeSoFar {
  Floats low = all(kHuge);
  Floats high = all(-kHuge);

  void add(Floats x, std::int64_t count) {
    for (std::int64_t i = count; i < kLanes; ++i) x[i] = x[0];
    low = smaller(low, x);
    high = larger(high, x);
  }
  Range reduced() const {
    Range range = {low[0], high[0]};
    for (int i = 1; i < kLanes; ++i)
      range = {std::min(range.low, low[i]), std::max(range.high, high[i])};
    return range;
  }
};

/// Adds `kRows` rows to the sums; each sum is loaded and stored once for all of them.
template <int kRows>
void add_rows(const float* x, std::int64_t channels, const float* pivot, const ChannelSums& sums) {
  over_channels(channels, [&](std::int64_t c, std::int64_t count) {
    const Floats centre = load(pivot + c, count);
    Floats sum = load(sums.sum + c, count), square = load(sums.square + c, count);
    Floats low = load(sums.low + c, count), high = load(sums.high + c, count);
    for (int row = 0; row < kRows; ++row) {
      const Floats value = load(x + row * channels + c, count);
      const Floats offset = value - centre;
      sum += offset;
      square += offset * offset;
      low = smaller(low, value);
      high = larger(high, value);
    }
    store(sums.sum + c, sum, count);
    store(sums.square + c, square, count);
    store(sums.low + c, low, count);
    store(sums.high + c, high, count);
  });
}

void channel_sums(const float* x, std::int64_t rows, std::int64_t channels, const float* pivot,
                  const ChannelSums& sums) {
  std::fill_n(sums.sum, channels, 0.0f);
  std::fill_n(sums.square, channels, 0.0f);
  std::int64_t row = 0;
  for (; row + 4 <= rows; row += 4) add_rows<4>(x + row * channels, channels, pivot, sums);
  for (; row < rows; ++row) add_rows<1>(x + row * channels, channels, pivot, sums);
}

template <bool kSilu>
inline Floats scaled(const float* x, const float* scale, const float* shift, std::int64_t count) {
  const Floats y = load(x, count) * load(scale, count) + load(shift, count);
  return kSilu ? silu_of(y) : y;
}

inline Bytes to_bytes(Floats x, ByteScale bytes) {
  return to_bytes(x * bytes.inverse_scale + bytes.zero_point);
}

template <bool kSilu>
void scale_row(const float* x, std::int64_t channels, const float* scale, const float* shift,
               float* out) {
  over_channels(channels, [&](std::int64_t c, std::int64_t count) {
    store(out + c, scaled<kSilu>(x + c, scale + c, shift + c, count), count);
  });
}

void scale_rows(const float* x, std::int64_t x_stride, std::int64_t rows, std::int64_t channels,
                const float* scale, const float* shift, bool silu, float* out,
                std::int64_t out_stride) {
  const auto row = silu ? scale_row<true> : scale_row<false>;
  for (std::int64_t i = 0; i < rows; ++i)
    row(x + i * x_stride, channels, scale, shift, out + i * out_stride);
}

template <bool kSilu>
void scale_row_to_bytes(const float* x, std::int64_t channels, const float* scale,
                        const float* shift, ByteScale bytes, std::uint8_t* out) {
  over_channels(channels, [&](std::int64_t c, std::int64_t count) {
    store(out + c, to_bytes(scaled<kSilu>(x + c, scale + c, shift + c, count), bytes), count);
  });
}

void scale_rows_to_bytes(const float* x, std::int64_t rows, std::int64_t channels,
                         const float* scale, const float* shift, bool silu, ByteScale bytes,
                         std::uint8_t* out, std::int64_t out_stride) {
  const auto row = silu ? scale_row_to_bytes<true> : scale_row_to_bytes<false>;
  for (std::int64_t i = 0; i < rows; ++i)
    row(x + i * channels, channels, scale, shift, bytes, out + i * out_stride);
}

inline Floats normalised(const float* x, std::int64_t c, std::int64_t count, const float* moments,
                         const LayerScale& affine) {
  return (load(x + c, count) - moments[0]) * moments[1] * load(affine.weight + c, count) +
         load(affine.bias + c, count);
}

void layer_norm(const float* x, std::int64_t rows, std::int64_t width, LayerScale affine,
                float* out) {
  for (std::int64_t row = 0; row < rows; ++row, x += width, out += width) {
    float moments[2];
    row_moments(x, width, affine.epsilon, moments);
    over_channels(width, [&](std::int64_t c, std::int64_t count) {
      store(out + c, normalised(x, c, count, moments, affine), count);
    });
  }
}

Range layer_norm_range(const float* x, std::int64_t rows, std::int64_t width, LayerScale affine,
                       float* moments) {
  RangeSoFar range;
  for (std::int64_t row = 0; row < rows; ++row, x += width, moments += 2) {
    row_moments(x, width, affine.epsilon, moments);
    over_channels(width, [&](std::int64_t c, std::int64_t count) {
      range.add(normalised(x, c, count, moments, affine), count);
    });
  }
  return range.reduced();
}

void layer_norm_to_bytes(const float* x, std::int64_t rows, std::int64_t width, LayerScale affine,
                         const float* moments, ByteScale bytes, std::uint8_t* out) {
  for (std::int64_t row = 0; row < rows; ++row, x += width, out += width, moments += 2)
    over_channels(width, [&](std::int64_t c, std::int64_t count) {
      store(out + c, to_bytes(normalised(x, c, count, moments, affine), bytes), count);
    });
}

Range geglu(const float* x, std::int64_t rows, std::int64_t width, float* out,
            std::int64_t out_stride) {
  RangeSoFar range;
  for (std::int64_t row = 0; row < rows; ++row, x += 2 * width, out += out_stride)
    over_channels(width, [&](std::int64_t c, std::int64_t count) {
      const Floats y = load(x + c, count) * gelu_of(load(x + width + c, count));
      store(out + c, y, count);
      range.add(y, count);
    });
  return range.reduced();
}

Range range_of(const float* x, std::int64_t length) {
  RangeSoFar range;
  over_channels(length,
                [&](std::int64_t c, std::int64_t count) { range.add(load(x + c, count), count); });
  return range.reduced();
}

void row_to_bytes(const float* x, std::int64_t length, ByteScale bytes, std::uint8_t* out) {
  over_channels(length, [&](std::int64_t c, std::int64_t count) {
    store(out + c, to_bytes(load(x + c, count), bytes), count);
  });
}

constexpr Loops kBody = {
    channel_sums,
    scale_rows,
    scale_rows_to_bytes,
    layer_norm,
    layer_norm_range,
    layer_norm_to_bytes,
    geglu,
    range_of,
    row_to_bytes,
    product,
    {winograd_weights<2>, winograd_input<2>, winograd_output<2>},
    {winograd_weights<4>, winograd_input<4>, winograd_output<4>},
};

}  // namespace
}  // namespace sumi
