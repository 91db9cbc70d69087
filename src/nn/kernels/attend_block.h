#pragma once

#include "nn/kernels/attention_block.h"
#include "nn/kernels/exp2.h"
#include "nn/kernels/transpose.h"

namespace sumi {

/// FlashAttention-2 (Dao 2023) with the online softmax of Milakov & Gimelshein 2018, turned on its
/// side: queries lie along the lanes of a vector, so that maxima, sums and rescaling need no
/// exchange between lanes, P enters the second product as the first left it, and any head width
/// fits. Only K and V elements are broadcast. Scores are in base 2: q carries scale * log2(e).
template <class Lanes>
class BlockAttention {
 public:
  explicit BlockAttention(const AttentionBlock& block)
      : block_(block),
        queries_(block.scratch + block.layout.queries),
        mixed_(block.scratch + block.layout.mixed),
        top_(block.scratch + block.layout.top),
        total_(block.scratch + block.layout.total),
        keys_(block.scratch + block.layout.keys),
        values_(block.scratch + block.layout.values),
        scores_(block.scratch + block.layout.scores),
        rows_((block.width + kRows - 1) / kRows * kRows) {}

  void run() {
    pack_queries();
    const auto seen = visible_keys(block_.queries);
    for (std::int64_t first = 0; first < seen; first += kKeyBlock) {
      const auto count = seen - first < kKeyBlock ? seen - first : kKeyBlock;
      pack_keys(first, count);
      pack_values(first, count);
      for (std::int64_t tile = 0; tile < block_.queries; tile += kTile) {
        const auto wanted = visible_keys(tile + kTile) - first;
        if (wanted > 0) visit_tile(tile, first, wanted < count ? wanted : count);
      }
    }
    for (std::int64_t tile = 0; tile < block_.queries; tile += kTile) finish_tile(tile);
  }

 private:
  using Vector = typename Lanes::Vector;
  static constexpr int kCount = Lanes::kCount;
  static constexpr int kRows = Lanes::kTileRows;
  static constexpr int kColumns = 3;  ///< vectors of a full tile
  static constexpr int kTile = kColumns * kCount;
  static constexpr float kLowest = -3.40282347e38F;
  static constexpr float kLog2E = 1.44269504F;

  /// Keys that the block's first `queries` queries may see.
  std::int64_t visible_keys(std::int64_t queries) const {
    const auto last = block_.first_query + queries;
    return block_.causal && last < block_.keys ? last : block_.keys;
  }

  /// Vectors of the tile that begins at query `tile`; the last one may be narrower.
  int columns(std::int64_t tile) const {
    const auto vectors = (block_.queries - tile + kCount - 1) / kCount;
    return vectors < kColumns ? static_cast<int>(vectors) : kColumns;
  }

  std::int64_t queries_of(std::int64_t tile) const {
    return block_.queries - tile < kTile ? block_.queries - tile : kTile;
  }

  /// queries_: tiles of [width, lanes], zero beyond the last query.
  void pack_queries() {
    for (std::int64_t tile = 0; tile < block_.queries; tile += kTile) {
      const auto lanes = columns(tile) * kCount, count = queries_of(tile);
      float* packed = queries_ + tile * rows_;
      if (count < lanes) std::memset(packed, 0, sizeof(float) * block_.width * lanes);
      transpose<Lanes>(block_.q + tile * block_.q_stride, block_.q_stride, count, block_.width,
                       packed, lanes, block_.scale * kLog2E);
      std::memset(mixed_ + tile * rows_, 0, sizeof(float) * rows_ * lanes);
      for (std::int64_t i = tile; i < tile + lanes; ++i) {
        top_[i] = kLowest;
        total_[i] = 0;
      }
    }
  }

  /// keys_: groups of [width, kRows keys], zero beyond the last key.
  void pack_keys(std::int64_t first, std::int64_t count) {
    for (std::int64_t key = 0; key < count; key += kRows) {
      const auto rows = count - key < kRows ? count - key : kRows;
      float* packed = keys_ + key * block_.width;
      if (rows < kRows) std::memset(packed, 0, sizeof(float) * block_.width * kRows);
      transpose<Lanes>(block_.k + (first + key) * block_.k_stride, block_.k_stride, rows,
                       block_.width, packed, kRows, 1.0F);
    }
  }

  /// values_: groups of [keys, kRows channels], zero beyond the last channel.
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

  /// One tile of queries meets `count` keys from `first` on.
  void visit_tile(std::int64_t tile, std::int64_t first, std::int64_t count) {
    switch (columns(tile)) {
      case 1:
        return visit<1>(tile, first, count);
      case 2:
        return visit<2>(tile, first, count);
      default:
        return visit<3>(tile, first, count);
    }
  }

  template <int Columns>
  void visit(std::int64_t tile, std::int64_t first, std::int64_t count) {
    for (std::int64_t key = 0; key < count; key += kRows)
      score<Columns>(queries_ + tile * rows_, keys_ + key * block_.width,
                     scores_ + key * Columns * kCount);
    if (block_.mask) add_mask<Columns>(tile, first, count);
    if (block_.causal) hide_future<Columns>(tile, first, count);
    float correction[Columns * kCount];
    soften<Columns>(top_ + tile, total_ + tile, count, correction);
    for (std::int64_t row = 0; row < block_.width; row += kRows)
      mix<Columns>(values_ + row * kKeyBlock, count, correction,
                   mixed_ + tile * rows_ + row * Columns * kCount);
  }

  /// kRows keys times Columns vectors of queries: scores [kRows, lanes].
  template <int Columns>
  void score(const float* queries, const float* keys, float* scores) const {
    Vector sum[kRows][Columns];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
      for (int c = 0; c < Columns; ++c) sum[r][c] = Lanes::broadcast(0.0F);
    for (std::int64_t d = 0; d < block_.width; ++d, queries += Columns * kCount, keys += kRows)
      accumulate<Columns>(queries, keys, sum);
    store_tile<Columns>(sum, scores);
  }

  /// mixed [kRows channels, lanes] = correction * mixed + sum over keys of values * P.
  template <int Columns>
  void mix(const float* values, std::int64_t count, const float* correction, float* mixed) const {
    Vector sum[kRows][Columns];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
      for (int c = 0; c < Columns; ++c)
        sum[r][c] = Lanes::multiply(Lanes::load(correction + c * kCount),
                                    Lanes::load(mixed + (r * Columns + c) * kCount));
    const float* weights = scores_;
    for (std::int64_t key = 0; key < count; ++key, weights += Columns * kCount, values += kRows)
      accumulate<Columns>(weights, values, sum);
    store_tile<Columns>(sum, mixed);
  }

  /// sum[r][c] += broadcast(rows[r]) * columns[c]: one step of an outer product.
  template <int Columns>
  static void accumulate(const float* columns, const float* rows, Vector (&sum)[kRows][Columns]) {
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

  template <int Columns>
  static void store_tile(const Vector (&sum)[kRows][Columns], float* to) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
      for (int c = 0; c < Columns; ++c) Lanes::store(to + (r * Columns + c) * kCount, sum[r][c]);
  }

  /// Scores become P = 2^(score - running maximum); maxima and sums of P move on, and `correction`
  /// is what earlier sums have to be multiplied by.
  template <int Columns>
  void soften(float* top, float* total, std::int64_t count, float* correction) {
    constexpr int kStep = Columns * kCount;
    raise_tops<Columns>(top, count, correction);
    Vector highest[Columns], sum[Columns];
#pragma GCC unroll 3
    for (int c = 0; c < Columns; ++c) {
      highest[c] = Lanes::load(top + c * kCount);
      sum[c] =
          Lanes::multiply(Lanes::load(correction + c * kCount), Lanes::load(total + c * kCount));
    }
    for (float* row = scores_; row < scores_ + count * kStep; row += kStep)
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

  template <int Columns>
  void raise_tops(float* top, std::int64_t count, float* correction) const {
    constexpr int kStep = Columns * kCount;
    Vector even[Columns], odd[Columns];
#pragma GCC unroll 3
    for (int c = 0; c < Columns; ++c) even[c] = odd[c] = Lanes::load(top + c * kCount);
    // The maximum of two rows at a time, since each waits for the one before.
    const float* row = scores_;
    for (std::int64_t pairs = count / 2; pairs > 0; --pairs, row += 2 * kStep)
#pragma GCC unroll 3
      for (int c = 0; c < Columns; ++c) {
        even[c] = Lanes::max(Lanes::load(row + c * kCount), even[c]);
        odd[c] = Lanes::max(Lanes::load(row + kStep + c * kCount), odd[c]);
      }
#pragma GCC unroll 3
    for (int c = 0; c < Columns; ++c) {
      if (count % 2) even[c] = Lanes::max(Lanes::load(row + c * kCount), even[c]);
      const auto highest = Lanes::max(even[c], odd[c]);
      const auto before = Lanes::load(top + c * kCount);
      Lanes::store(correction + c * kCount, exp2<Lanes>(Lanes::subtract(before, highest)));
      Lanes::store(top + c * kCount, highest);
    }
  }

  /// A finite mask stays finite in base 2 and above kLowest, so that a row of the lowest floats is
  /// averaged as the softmax would; -infinity hides a key.
  static float to_base_2(float mask) {
    const float scaled = mask * kLog2E;
    return mask >= kLowest && scaled < 0.5F * kLowest ? 0.5F * kLowest : scaled;
  }

  template <int Columns>
  void add_mask(std::int64_t tile, std::int64_t first, std::int64_t count) {
    const float* mask =
        block_.mask + tile * block_.mask_query_stride + first * block_.mask_key_stride;
    const auto queries = queries_of(tile);
    float* row = scores_;
    for (std::int64_t key = 0; key < count; ++key, row += Columns * kCount) {
      const float* element = mask + key * block_.mask_key_stride;
      if (block_.mask_query_stride == 0) {
        const auto shared = Lanes::broadcast(to_base_2(*element));
        for (int c = 0; c < Columns; ++c)
          Lanes::store(row + c * kCount, Lanes::add(Lanes::load(row + c * kCount), shared));
      } else {
        for (std::int64_t i = 0; i < queries; ++i)
          row[i] += to_base_2(element[i * block_.mask_query_stride]);
      }
    }
  }

  template <int Columns>
  void hide_future(std::int64_t tile, std::int64_t first, std::int64_t count) {
    const auto position = block_.first_query + tile;
    for (std::int64_t key = 0; key < count; ++key) {
      const auto hidden = first + key - position;  // queries of the tile before this key
      for (std::int64_t i = 0; i < hidden && i < Columns * kCount; ++i)
        scores_[key * Columns * kCount + i] = -__builtin_inff();
    }
  }

  /// Divides by the sums and writes the tile's queries. Where every key is hidden: 0 / 0.
  void finish_tile(std::int64_t tile) {
    const auto lanes = columns(tile) * kCount;
    float* mixed = mixed_ + tile * rows_;
    for (int c = 0; c < lanes; c += kCount) {
      const auto share = Lanes::divide(Lanes::broadcast(1.0F), Lanes::load(total_ + tile + c));
      for (std::int64_t d = 0; d < block_.width; ++d) {
        float* at = mixed + d * lanes + c;
        Lanes::store(at, Lanes::multiply(Lanes::load(at), share));
      }
    }
    transpose<Lanes>(mixed, lanes, block_.width, queries_of(tile),
                     block_.out + tile * block_.out_stride, block_.out_stride, 1.0F);
  }

  const AttentionBlock& block_;
  float* queries_;
  float* mixed_;
  float* top_;
  float* total_;
  float* keys_;
  float* values_;
  float* scores_;
  std::int64_t rows_;  ///< width in whole tiles
};

}  // namespace sumi
