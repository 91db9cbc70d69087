#pragma once

#include "nn/kernels/attention_block.h"
#include "nn/kernels/exp2.h"
#include "nn/kernels/softmax_tile.h"
#include "nn/kernels/transpose.h"

namespace sumi {

/// The two matrix products of attention in fp32, by tiles of kRows x Columns accumulators: keys,
/// then channels, are broadcast over vectors of queries.
template <class LanesOfTarget>
class FloatProducts {
 public:
  using Lanes = LanesOfTarget;

  explicit FloatProducts(const AttentionBlock& block)
      : block_(block),
        queries_(block.scratch + block.layout.queries),
        keys_(block.scratch + block.layout.keys),
        values_(block.scratch + block.layout.values) {}

  /// A tile of [width, lanes], zero beyond the last of `count` queries.
  void pack_queries(std::int64_t tile, std::int64_t lanes, std::int64_t count) {
    float* packed = queries_ + tile * block_.width;
    if (count < lanes) std::memset(packed, 0, sizeof(float) * block_.width * lanes);
    transpose<Lanes>(block_.q + tile * block_.q_stride, block_.q_stride, count, block_.width,
                     packed, lanes, block_.scale * kLog2E);
  }

  /// Groups of [width, kRows keys], zero beyond the last key.
  void pack_keys(std::int64_t first, std::int64_t count) {
    for (std::int64_t key = 0; key < count; key += kRows) {
      const auto rows = count - key < kRows ? count - key : kRows;
      float* packed = keys_ + key * block_.width;
      if (rows < kRows) std::memset(packed, 0, sizeof(float) * block_.width * kRows);
      transpose<Lanes>(block_.k + (first + key) * block_.k_stride, block_.k_stride, rows,
                       block_.width, packed, kRows, 1.0F);
    }
  }

  /// Groups of [keys, kRows channels], zero beyond the last channel.
  void pack_values(std::int64_t first, std::int64_t count) {
    for (std::int64_t channel = 0; channel < block_.width; channel += kRows) {
      const float* from = block_.v + first * block_.v_stride + channel;
      float* to = values_ + channel * kKeyBlock;
      const auto kept = block_.width - channel < kRows ? block_.width - channel : kRows;
      for (std::int64_t key = 0; key < count; ++key, from += block_.v_stride, to += kRows) {
        if (kept == kRows) {
          std::memcpy(to, from, sizeof(float) * kRows);
        } else {
          for (int i = 0; i < kRows; ++i) to[i] = i < kept ? from[i] : 0.0F;
        }
      }
    }
  }

  /// Scores of the tile with `count` packed keys, [keys, lanes], in base 2.
  template <int Columns>
  void score(std::int64_t tile, std::int64_t count, float* scores) const {
    for (std::int64_t key = 0; key < count; key += kRows) {
      Vector sum[kRows][Columns];
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
        for (int c = 0; c < Columns; ++c) sum[r][c] = Lanes::broadcast(0.0F);
      accumulate<Columns>(queries_ + tile * block_.width, keys_ + key * block_.width, block_.width,
                          sum);
      store_tile<Columns>(sum, scores + key * Columns * kCount);
    }
  }

  /// Scores become P = 2^(score - top), and their sums go to `total`, corrected first.
  template <int Columns>
  void weigh(float* scores, std::int64_t count, const float* top, const float* correction,
             float* total) const {
    constexpr int kStep = Columns * kCount;
    Vector highest[Columns], sum[Columns];
#pragma GCC unroll 3
    for (int c = 0; c < Columns; ++c) {
      highest[c] = Lanes::load(top + c * kCount);
      sum[c] =
          Lanes::multiply(Lanes::load(correction + c * kCount), Lanes::load(total + c * kCount));
    }
    for (float* row = scores; row < scores + count * kStep; row += kStep)
#pragma GCC unroll 3
      for (int c = 0; c < Columns; ++c) {
        const auto score = Lanes::load(row + c * kCount);
        const auto weight = exp2<Lanes>(Lanes::subtract(score, highest[c]));
        Lanes::store(row + c * kCount, weight);
        sum[c] = Lanes::add(sum[c], weight);
      }
#pragma GCC unroll 3
    for (int c = 0; c < Columns; ++c) Lanes::store(total + c * kCount, sum[c]);
  }

  /// mixed [channels, lanes] = correction * mixed + sum over keys of P * values.
  template <int Columns>
  void mix(const float* weights, std::int64_t count, const float* correction, float* mixed) const {
    constexpr int kStep = Columns * kCount;
    for (std::int64_t row = 0; row < block_.width; row += kRows) {
      float* target = mixed + row * kStep;
      Vector sum[kRows][Columns];
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
        for (int c = 0; c < Columns; ++c)
          sum[r][c] = Lanes::multiply(Lanes::load(correction + c * kCount),
                                      Lanes::load(target + r * kStep + c * kCount));
      accumulate<Columns>(weights, values_ + row * kKeyBlock, count, sum);
      store_tile<Columns>(sum, target);
    }
  }

 private:
  using Vector = typename Lanes::Vector;
  static constexpr int kCount = Lanes::kCount;
  static constexpr int kRows = Lanes::kTileRows;

  /// sum[r][c] += the sum over `steps` of rows[step][r] * columns[step][c]: outer products.
  template <int Columns>
  static void accumulate(const float* columns, const float* rows, std::int64_t steps,
                         Vector (&sum)[kRows][Columns]) {
    for (; steps > 0; --steps, columns += Columns * kCount, rows += kRows) {
      Vector along[Columns];
#pragma GCC unroll 3
      for (int c = 0; c < Columns; ++c) along[c] = Lanes::load(columns + c * kCount);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const auto across = Lanes::broadcast(rows[r]);
#pragma GCC unroll 3
        for (int c = 0; c < Columns; ++c) sum[r][c] = Lanes::fma(across, along[c], sum[r][c]);
      }
    }
  }

  template <int Columns>
  static void store_tile(const Vector (&sum)[kRows][Columns], float* to) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
      for (int c = 0; c < Columns; ++c) Lanes::store(to + (r * Columns + c) * kCount, sum[r][c]);
  }

  const AttentionBlock& block_;
  float* queries_;
  float* keys_;
  float* values_;
};

}  // namespace sumi
