#pragma once

#include "nn/kernels/vector.h"

// A product of small matrices in registers. Included by one file per instruction set.

namespace sumi {
namespace {

/// So many sums that the multiply-adds of one do not wait for another, and no more than there are
/// registers.
constexpr int kProductRows = 6;
constexpr int kProductVectors = kLanes == 16 ? 4 : 2;

/// c [kRows, kVectors vectors] = a b; rows of b and c are `width` apart.
template <int kRows, int kVectors>
void product_tile(const float* a, std::int64_t a_stride, std::int64_t inner, const float* b,
                  std::int64_t width, float* c) {
  Floats sums[kRows][kVectors] = {};
  for (std::int64_t k = 0; k < inner; ++k, b += width) {
    Floats right[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) right[v] = load(b + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const float left = a[r * a_stride + k];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sums[r][v] += left * right[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) store(c + r * width + v * kLanes, sums[r][v]);
}

/// The last rows, fewer than kProductRows.
template <int kVectors, int kRows = kProductRows - 1>
void product_rest(const float* a, std::int64_t a_stride, std::int64_t rows, std::int64_t inner,
                  const float* b, std::int64_t width, float* c) {
  if constexpr (kRows > 0) {
    if (rows == kRows) return product_tile<kRows, kVectors>(a, a_stride, inner, b, width, c);
    product_rest<kVectors, kRows - 1>(a, a_stride, rows, inner, b, width, c);
  }
}

/// All columns from `column` on that fill kVectors vectors; then those that fill half of them.
template <int kVectors>
void product_columns(const float* a, std::int64_t a_stride, std::int64_t rows, std::int64_t inner,
                     const float* b, std::int64_t width, float* c, std::int64_t column) {
  for (; column + kVectors * kLanes <= width; column += kVectors * kLanes) {
    std::int64_t row = 0;
    for (; row + kProductRows <= rows; row += kProductRows)
      product_tile<kProductRows, kVectors>(a + row * a_stride, a_stride, inner, b + column, width,
                                           c + row * width + column);
    product_rest<kVectors>(a + row * a_stride, a_stride, rows - row, inner, b + column, width,
                           c + row * width + column);
  }
  if constexpr (kVectors > 1)
    product_columns<kVectors / 2>(a, a_stride, rows, inner, b, width, c, column);
}

void product(const float* a, std::int64_t a_stride, std::int64_t rows, std::int64_t inner,
             const float* b, std::int64_t width, float* c) {
  product_columns<kProductVectors>(a, a_stride, rows, inner, b, width, c, 0);
}

}  // namespace
}  // namespace sumi
