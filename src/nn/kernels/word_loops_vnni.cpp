#include <immintrin.h>

#include <initializer_list>

#include "nn/kernels/winograd_body.h"
#include "nn/kernels/word_loops.h"

namespace sumi {
namespace {

/// So many sums that no multiply-add waits for another, and no more than there are registers.
constexpr int kRows = 6;
constexpr int kVectors = 4;

/// The length that a frequency's weights have for each input, for kernels of white noise.
struct Units {
  float of[36];

  constexpr Units() : of{} {
    constexpr KernelAxis<4> axis;
    for (int u = 0; u < 6; ++u)
      for (int v = 0; v < 6; ++v)
        of[u * 6 + v] = __builtin_sqrtf(square(axis.rows[u]) * square(axis.rows[v]));
  }
  static constexpr float square(const float* row) {
    return row[0] * row[0] + row[1] * row[1] + row[2] * row[2];
  }
};
constexpr Units kUnits;

Ints to_integers(Floats x) { return std::bit_cast<Ints>(_mm512_maskz_cvtps_epi32(0xFFFF, x)); }

/// The largest length of a frequency's weights, in its unit, of kLanes outputs.
Floats largest_length(const float* floats, std::int64_t in, std::int64_t width) {
  Floats most = {};
  for (int f = 0; f < 36; ++f) {
    Floats squares = {};
    for (std::int64_t i = 0; i < in; ++i, floats += width) {
      const Floats w = load(floats);
      squares += w * w;
    }
    most = larger(most, squares * (1 / (kUnits.of[f] * kUnits.of[f])));
  }
  return _mm512_maskz_sqrt_ps(0xFFFF, most);
}

void weights(const float* kernels, std::int64_t in, std::int64_t outputs, std::int64_t width,
             float* floats, std::int16_t* panel, std::int64_t stride, float* gains) {
  winograd_weights<4>(kernels, in, 0, in, outputs, width, floats, in * width);
  for (std::int64_t o = 0; o < width; o += kLanes) {
    const Floats length = largest_length(floats + o, in, width);
    if (o < outputs) store(gains + o, length * (1 / kWordLength), outputs - o);
    const Floats factor = length > 0 ? kWordLength / length : Floats{};
    for (int f = 0; f < 36; ++f) {
      const Floats unit = factor * (1 / kUnits.of[f]);
      const float* from = floats + f * in * width + o;
      for (std::int64_t i = 0; i < in; i += 2) {
        const Ints even = to_integers(load(from + i * width) * unit);
        const Ints odd = i + 1 < in ? to_integers(load(from + (i + 1) * width) * unit) : Ints{};
        const Ints pairs = (even & 0xFFFF) | (odd << 16);
        std::memcpy(panel + f * stride + i * width + 2 * o, &pairs, sizeof(pairs));
      }
    }
  }
}

void to_words(const float* x, std::int64_t x_stride, std::int64_t rows, std::int64_t width,
              std::int16_t* out, std::int64_t out_stride, float* scales) {
  for (std::int64_t row = 0; row < rows; ++row, x += x_stride, out += out_stride) {
    Floats squares = {};
    over_channels(width, [&](std::int64_t c, std::int64_t count) {
      const Floats part = load(x + c, count);
      squares += part * part;
    });
    const float length = __builtin_sqrtf(sum_of(squares));
    const Floats factor = all(length > 0 ? kWordLength / length : 0);
    scales[row] = length / kWordLength;
    over_channels(width, [&](std::int64_t c, std::int64_t count) {
      const auto words = _mm512_maskz_cvtepi32_epi16(
          0xFFFF, std::bit_cast<__m512i>(to_integers(load(x + c, count) * factor)));
      const auto kept = count + count % 2;  // of a last vector that is not full
      _mm256_mask_storeu_epi16(out + c, static_cast<__mmask16>((1U << kept) - 1), words);
    });
  }
}

/// Not inlined: GCC 12 keeps the sums in registers only in a function of their own.
template <int kTileRows, int kTileVectors>
__attribute__((noinline)) void product_tile(const std::int16_t* a, std::int64_t a_stride,
                                            std::int64_t pairs, const std::int16_t* b,
                                            std::int64_t width, std::int32_t* c) {
  Ints sums[kTileRows][kTileVectors] = {};
  for (std::int64_t k = 0; k < pairs; ++k, b += 2 * width) {
    __m512i right[kTileVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kTileVectors; ++v) right[v] = _mm512_loadu_si512(b + v * 2 * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kTileRows; ++r) {
      std::int32_t pair;
      std::memcpy(&pair, a + r * a_stride + 2 * k, sizeof(pair));
      const auto left = _mm512_set1_epi32(pair);
#pragma GCC unroll 8
      for (int v = 0; v < kTileVectors; ++v)
        asm("vpdpwssd %2, %1, %0" : "+v"(sums[r][v]) : "v"(right[v]), "v"(left));
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kTileVectors; ++v)
      std::memcpy(c + r * width + v * kLanes, &sums[r][v], sizeof(Ints));
}

/// The last rows, fewer than kRows.
template <int kTileVectors, int kTileRows = kRows - 1>
void product_rest(const std::int16_t* a, std::int64_t a_stride, std::int64_t rows,
                  std::int64_t pairs, const std::int16_t* b, std::int64_t width, std::int32_t* c) {
  if constexpr (kTileRows > 0) {
    if (rows == kTileRows)
      return product_tile<kTileRows, kTileVectors>(a, a_stride, pairs, b, width, c);
    product_rest<kTileVectors, kTileRows - 1>(a, a_stride, rows, pairs, b, width, c);
  }
}

/// All columns from `column` on that fill kTileVectors vectors; then those that fill half of them.
template <int kTileVectors>
void product_columns(const std::int16_t* a, std::int64_t a_stride, std::int64_t rows,
                     std::int64_t pairs, const std::int16_t* b, std::int64_t width, std::int32_t* c,
                     std::int64_t column) {
  for (; column + kTileVectors * kLanes <= width; column += kTileVectors * kLanes) {
    std::int64_t row = 0;
    for (; row + kRows <= rows; row += kRows)
      product_tile<kRows, kTileVectors>(a + row * a_stride, a_stride, pairs, b + 2 * column, width,
                                        c + row * width + column);
    product_rest<kTileVectors>(a + row * a_stride, a_stride, rows - row, pairs, b + 2 * column,
                               width, c + row * width + column);
  }
  if constexpr (kTileVectors > 1)
    product_columns<kTileVectors / 2>(a, a_stride, rows, pairs, b, width, c, column);
}

void product(const std::int16_t* a, std::int64_t a_stride, std::int64_t rows, std::int64_t pairs,
             const std::int16_t* b, std::int64_t width, std::int32_t* c) {
  product_columns<kVectors>(a, a_stride, rows, pairs, b, width, c, 0);
}

void output(const std::int32_t* products, std::int64_t stride, const float* scales,
            const TilePlace& at, std::int64_t pixel_stride, std::int64_t channels,
            const float* gains, const float* bias, const float* residual, float* image) {
  float counts[36];
  for (int f = 0; f < 36; ++f) counts[f] = scales[f] * kUnits.of[f];
  const auto sum = [&](int frequency, std::int64_t c, std::int64_t) {
    Ints whole;  // there is room for a whole vector
    std::memcpy(&whole, products + frequency * stride + c, sizeof(whole));
    return __builtin_convertvector(whole, Floats) * counts[frequency];
  };
  const auto finish = [&](Floats y, std::int64_t c, std::int64_t count) {
    return y * load(gains + c, count) + load(bias + c, count);
  };
  winograd_pixels<4>(at, pixel_stride, channels, residual, image, sum, finish);
}

}  // namespace

namespace detail {

extern const WordLoops word_body;
const WordLoops word_body = {weights, to_words, product, output};

}  // namespace detail
}  // namespace sumi
