#pragma once

#include <immintrin.h>

#include <cstring>

#include "nn/kernels/attention_block.h"
#include "nn/kernels/exp2.h"
#include "nn/kernels/lanes_avx512.h"
#include "nn/kernels/softmax_tile.h"

namespace sumi {

/// A name of its own for what is compiled with VNNI; see LanesPlain.
struct LanesVnni : LanesAvx512 {};

/// The two matrix products of attention in integers, by AVX-512 VNNI: q k^T of kBits (8 or 16) with
/// one scale for each token, after the mean of the keys is taken from each of them, which moves all
/// scores of a query alike and so changes nothing (SageAttention, Zhang et al. 2024); P v of 16
/// bits with one scale for each channel of a block of keys. Sums between blocks are fp32.
/// With 8 bits for P and v too, normal data keep 39 dB (33 dB without scales for each block of
/// keys); bfloat16 keeps 49 dB at the speed of 16-bit integers, which keep 66.
template <int kBits>
class IntegerProducts {
 public:
  using Lanes = LanesVnni;

  explicit IntegerProducts(const AttentionBlock& block)
      : block_(block),
        limit_(largest_integer(block.width)),
        queries_(integers(block.layout.queries)),
        keys_(integers(block.layout.keys)),
        values_(integers(block.layout.values)),
        row_(reinterpret_cast<std::int8_t*>(block.scratch + block.layout.row)),
        key_mean_(block.scratch + block.layout.key_mean),
        query_scales_(block.scratch + block.layout.query_scales),
        key_scales_(block.scratch + block.layout.key_scales),
        value_scales_(block.scratch + block.layout.value_scales),
        key_offsets_(integers(block.layout.key_offsets)),
        groups_((block.width + kGroup - 1) / kGroup) {
    average_keys();
  }

  /// A tile of [groups, lanes], each a dword of kGroup channels.
  void pack_queries(std::int64_t tile, std::int64_t lanes, std::int64_t count) {
    std::int32_t* packed = queries_ + tile * groups_;
    std::memset(packed, 0, sizeof(std::int32_t) * groups_ * lanes);
    for (std::int64_t i = 0; i < lanes; ++i) query_scales_[tile + i] = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const float scale = quantise_row(block_.q + (tile + i) * block_.q_stride, nullptr);
      query_scales_[tile + i] = scale * block_.scale * kLog2E;
      for (std::int64_t g = 0; g < groups_; ++g)
        packed[g * lanes + i] = group(g) ^ (kBits == 8 ? kUnsigned : 0);
    }
  }

  /// Groups of [groups, kRows keys] dwords, zero beyond the last key.
  void pack_keys(std::int64_t first, std::int64_t count) {
    for (std::int64_t key = 0; key < kRows * ((count + kRows - 1) / kRows); ++key) {
      std::int32_t* packed = keys_ + key / kRows * kRows * groups_ + key % kRows;
      const bool real = key < count;
      key_scales_[key] =
          real ? quantise_row(block_.k + (first + key) * block_.k_stride, key_mean_) : 0.0F;
      std::int32_t sum = 0;
      for (std::int64_t g = 0; g < groups_; ++g) packed[g * kRows] = real ? group(g) : 0;
      if (kBits == 8 && real)
        for (std::int64_t d = 0; d < groups_ * kGroup; ++d) sum += row_[d];
      key_offsets_[key] = -128 * sum;
    }
  }

  /// Groups of [pairs of keys, kRows channels] dwords, zero beyond the last key.
  void pack_values(std::int64_t first, std::int64_t count) {
    const float* v = block_.v + first * block_.v_stride;
    for (std::int64_t channel = 0; channel < block_.width; channel += kCount) {
      const auto part = lanes_from(channel);
      const auto scale = value_scale(v + channel, count, part);
      Lanes::store(value_scales_ + channel, scale);
      // A channel of zeros: 0 times the largest float.
      const auto inverse = _mm512_maskz_min_ps(Lanes::kAll, _mm512_set1_ps(-kLowest),
                                               _mm512_div_ps(_mm512_set1_ps(1.0F), scale));
      for (std::int64_t key = 0; key < count; key += 2) {
        const float* at = v + channel + key * block_.v_stride;
        const auto even = to_integers(_mm512_maskz_loadu_ps(part, at), inverse);
        const auto odd =
            key + 1 < count
                ? to_integers(_mm512_maskz_loadu_ps(part, at + block_.v_stride), inverse)
                : _mm512_setzero_si512();
        store_pair(channel, key / 2, pair(even, odd));
      }
    }
  }

  template <int Columns>
  void score(std::int64_t tile, std::int64_t count, float* scores) const {
    constexpr int kStep = Columns * kCount;
    for (std::int64_t key = 0; key < count; key += kRows) {
      Sums sum[kRows][Columns];
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
        for (int c = 0; c < Columns; ++c) sum[r][c] = Sums{} + key_offsets_[key + r];
      accumulate<kBits, Columns>(queries_ + tile * groups_, keys_ + key * groups_, groups_, sum);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
        for (int c = 0; c < Columns; ++c) {
          const auto scale = Lanes::multiply(Lanes::broadcast(key_scales_[key + r]),
                                             Lanes::load(query_scales_ + tile + c * kCount));
          Lanes::store(scores + (key + r) * kStep + c * kCount,
                       Lanes::multiply(__builtin_convertvector(sum[r][c], Floats), scale));
        }
    }
  }

  /// Scores become P = 2^(score - top + kWeightBits) as pairs of integers, [pairs of keys, lanes].
  template <int Columns>
  void weigh(float* scores, std::int64_t count, const float* top, const float* correction,
             float* total) const {
    constexpr int kStep = Columns * kCount;
    for (int i = 0; count % 2 && i < kStep; ++i) scores[count * kStep + i] = -__builtin_inff();
#pragma GCC unroll 3
    for (int c = 0; c < Columns; ++c) {
      const auto highest =
          Lanes::subtract(Lanes::load(top + c * kCount), _mm512_set1_ps(kWeightBits));
      auto sum =
          Lanes::multiply(Lanes::load(correction + c * kCount), Lanes::load(total + c * kCount));
      const float* from = scores + c * kCount;
      auto* to = reinterpret_cast<std::int32_t*>(scores) + c * kCount;
      for (std::int64_t key = 0; key < count; key += 2, from += 2 * kStep, to += kStep) {
        const auto even = exp2<Lanes, 4>(Lanes::subtract(Lanes::load(from), highest));
        const auto odd = exp2<Lanes, 4>(Lanes::subtract(Lanes::load(from + kStep), highest));
        sum = Lanes::add(sum, Lanes::add(even, odd));
        _mm512_storeu_si512(to, pair(round(even), round(odd)));
      }
      Lanes::store(total + c * kCount, sum);
    }
  }

  template <int Columns>
  void mix(const float* weights, std::int64_t count, const float* correction, float* mixed) const {
    constexpr int kStep = Columns * kCount;
    for (std::int64_t row = 0; row < block_.width; row += kRows) {
      Sums sum[kRows][Columns];
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
        for (int c = 0; c < Columns; ++c) sum[r][c] = Sums{};
      accumulate<16, Columns>(reinterpret_cast<const std::int32_t*>(weights),
                              values_ + row * (kKeyBlock / 2), (count + 1) / 2, sum);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
        for (int c = 0; c < Columns; ++c) {
          float* at = mixed + (row + r) * kStep + c * kCount;
          const auto before =
              Lanes::multiply(Lanes::load(at), Lanes::load(correction + c * kCount));
          Lanes::store(at, Lanes::fma(__builtin_convertvector(sum[r][c], Floats),
                                      Lanes::broadcast(value_scales_[row + r]), before));
        }
    }
  }

 private:
  using Sums = std::int32_t __attribute__((vector_size(64)));
  using Floats = float __attribute__((vector_size(64)));
  static constexpr int kCount = Lanes::kCount;
  static constexpr int kRows = Lanes::kTileRows;
  static constexpr int kGroup = 32 / kBits;  ///< channels of one dword
  static constexpr std::int32_t kUnsigned = static_cast<std::int32_t>(0x80808080U);  ///< adds 128
  /// P reaches 2^14; a block's 64 keys times values of at most 2000 stay below 2^31.
  static constexpr float kWeightBits = 14;
  static constexpr float kValueLimit = 2000;
  static_assert(kKeyBlock * (1LL << 14) * 2000 < (1LL << 31));

  std::int32_t* integers(std::int64_t at) const {
    return reinterpret_cast<std::int32_t*>(block_.scratch + at);
  }

  /// So that a product of two rows stays below 2^31.
  static float largest_integer(std::int64_t width) {
    if (kBits == 8) return 127;
    const float fits = __builtin_sqrtf(2147483520.0F / static_cast<float>(width)) - 1;
    return fits < 32767 ? __builtin_floorf(fits) : 32767;
  }

  __mmask16 lanes_from(std::int64_t channel) const {
    const auto left = block_.width - channel;
    return left >= kCount ? Lanes::kAll : static_cast<__mmask16>((1U << left) - 1);
  }

  void average_keys() {
    const auto share = _mm512_set1_ps(1.0F / static_cast<float>(block_.keys));
    for (std::int64_t channel = 0; channel < block_.width; channel += kCount) {
      const auto part = lanes_from(channel);
      auto sum = _mm512_setzero_ps();
      for (std::int64_t key = 0; key < block_.keys; ++key)
        sum = Lanes::add(sum,
                         _mm512_maskz_loadu_ps(part, block_.k + key * block_.k_stride + channel));
      Lanes::store(key_mean_ + channel, Lanes::multiply(sum, share));
    }
  }

  /// row_ = (row - mean) / scale in kBits, zero in the last vector's rest. Returns the scale, which
  /// is not a number where one of the row is none or infinite.
  float quantise_row(const float* row, const float* mean) {
    const auto value = [&](std::int64_t channel) {
      const auto part = lanes_from(channel);
      const auto x = _mm512_maskz_loadu_ps(part, row + channel);
      return mean ? Lanes::subtract(x, _mm512_maskz_loadu_ps(part, mean + channel)) : x;
    };
    auto largest = _mm512_setzero_ps(), nothing = _mm512_setzero_ps();
    for (std::int64_t channel = 0; channel < block_.width; channel += kCount) {
      const auto x = value(channel);
      largest = Lanes::max(largest, _mm512_abs_ps(x));
      nothing = Lanes::fma(x, _mm512_setzero_ps(), nothing);
    }
    const float top = highest_of(largest);
    const auto inverse = _mm512_set1_ps(top > 0 ? limit_ / top : 0.0F);
    for (std::int64_t channel = 0; channel < block_.width; channel += kCount) {
      const auto rounded = to_integers(value(channel), inverse);
      if constexpr (kBits == 8)
        _mm_storeu_si128(reinterpret_cast<__m128i*>(row_ + channel),
                         _mm512_maskz_cvtepi32_epi8(Lanes::kAll, rounded));
      else
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(row_ + 2 * channel),
                            _mm512_maskz_cvtepi32_epi16(Lanes::kAll, rounded));
    }
    return top / limit_ + sum_of(nothing);
  }

  /// Dword `index` of the row quantised last.
  std::int32_t group(std::int64_t index) const {
    std::int32_t dword;
    std::memcpy(&dword, row_ + 4 * index, sizeof(dword));
    return dword;
  }

  __m512 value_scale(const float* v, std::int64_t count, __mmask16 part) const {
    auto largest = _mm512_setzero_ps(), nothing = _mm512_setzero_ps();
    for (std::int64_t key = 0; key < count; ++key, v += block_.v_stride) {
      const auto x = _mm512_maskz_loadu_ps(part, v);
      largest = Lanes::max(largest, _mm512_abs_ps(x));
      nothing = Lanes::fma(x, _mm512_setzero_ps(), nothing);
    }
    return Lanes::fma(largest, _mm512_set1_ps(1 / kValueLimit), nothing);
  }

  void store_pair(std::int64_t channel, std::int64_t pair_index, __m512i dwords) {
    std::int32_t* low = values_ + channel * (kKeyBlock / 2) + pair_index * kRows;
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(low),
                        _mm512_maskz_extracti32x8_epi32(0xFF, dwords, 0));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(low + kRows * (kKeyBlock / 2)),
                        _mm512_maskz_extracti32x8_epi32(0xFF, dwords, 1));
  }

  static __m512i round(__m512 x) { return _mm512_maskz_cvtps_epi32(Lanes::kAll, x); }
  static __m512i to_integers(__m512 x, __m512 inverse) {
    return round(Lanes::multiply(x, inverse));
  }

  /// Low halves of `even` below low halves of `odd`.
  static __m512i pair(__m512i even, __m512i odd) {
    return _mm512_mask_blend_epi16(0xAAAAAAAA, even, _mm512_maskz_slli_epi32(Lanes::kAll, odd, 16));
  }

  static float highest_of(__m512 x) {
    alignas(64) float lanes[kCount];
    Lanes::store(lanes, x);
    float top = 0;
    for (const float lane : lanes) top = lane > top ? lane : top;
    return top;
  }

  static float sum_of(__m512 x) {
    alignas(64) float lanes[kCount];
    Lanes::store(lanes, x);
    float sum = 0;
    for (const float lane : lanes) sum += lane;
    return sum;
  }

  /// In assembler, since GCC 12 copies the accumulators of the intrinsics to memory and back.
  template <int Bits>
  static void add_products(Sums& sum, __m512i along, __m512i across) {
    if constexpr (Bits == 8)
      asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(along), "v"(across));
    else
      asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(along), "v"(across));
  }

  /// sum[r][c] += the sum over `steps` of the products within rows[step][r] and columns[step][c].
  template <int Bits, int Columns>
  static void accumulate(const std::int32_t* columns, const std::int32_t* rows, std::int64_t steps,
                         Sums (&sum)[kRows][Columns]) {
    for (; steps > 0; --steps, columns += Columns * kCount, rows += kRows) {
      __m512i along[Columns];
#pragma GCC unroll 3
      for (int c = 0; c < Columns; ++c) along[c] = _mm512_loadu_si512(columns + c * kCount);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const auto across = _mm512_set1_epi32(rows[r]);
#pragma GCC unroll 3
        for (int c = 0; c < Columns; ++c) add_products<Bits>(sum[r][c], along[c], across);
      }
    }
  }

  const AttentionBlock& block_;
  float limit_;  ///< largest integer of q and k
  std::int32_t* queries_;
  std::int32_t* keys_;
  std::int32_t* values_;
  std::int8_t* row_;
  float* key_mean_;
  float* query_scales_;
  float* key_scales_;
  float* value_scales_;
  std::int32_t* key_offsets_;  ///< what the 128 added to each of q's integers adds, negated
  std::int64_t groups_;        ///< dwords of one token
};

}  // namespace sumi
