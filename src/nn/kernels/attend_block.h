#pragma once

#include <cstring>

#include "nn/kernels/attention_block.h"
#include "nn/kernels/softmax_tile.h"
#include "nn/kernels/transpose.h"

namespace sumi {

/// FlashAttention-2 (Dao 2023) with the online softmax of Milakov & Gimelshein 2018, turned on its
/// side: queries lie along the lanes of a vector, so that maxima, sums and rescaling need no
/// exchange between lanes, P enters the second product as the first left it, and any head width
/// fits. `Products` packs the operands and multiplies them: FloatProducts, IntegerProducts.
template <class Products>
class BlockAttention {
 public:
  explicit BlockAttention(const AttentionBlock& block)
      : block_(block),
        products_(block),
        mixed_(block.scratch + block.layout.mixed),
        top_(block.scratch + block.layout.top),
        total_(block.scratch + block.layout.total),
        scores_(block.scratch + block.layout.scores),
        rows_((block.width + kRows - 1) / kRows * kRows) {}

  void run() {
    for (std::int64_t tile = 0; tile < block_.queries; tile += kTile) begin(tile);
    const auto seen = visible_keys(block_.queries);
    for (std::int64_t first = 0; first < seen; first += kKeyBlock) {
      const auto count = seen - first < kKeyBlock ? seen - first : kKeyBlock;
      products_.pack_keys(first, count);
      products_.pack_values(first, count);
      for (std::int64_t tile = 0; tile < block_.queries; tile += kTile) {
        const auto wanted = visible_keys(tile + kTile) - first;
        if (wanted > 0) visit_columns(tile, first, wanted < count ? wanted : count);
      }
    }
    for (std::int64_t tile = 0; tile < block_.queries; tile += kTile) finish(tile);
  }

 private:
  using Lanes = typename Products::Lanes;
  static constexpr int kCount = Lanes::kCount;
  static constexpr int kRows = Lanes::kTileRows;
  static constexpr int kColumns = 3;  ///< vectors of a full tile
  static constexpr int kTile = kColumns * kCount;
  static_assert(kQueryTile % kTile == 0 && kKeyBlock % (2 * kRows) == 0);

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

  void begin(std::int64_t tile) {
    const auto lanes = columns(tile) * kCount;
    products_.pack_queries(tile, lanes, queries_of(tile));
    std::memset(mixed_ + tile * rows_, 0, sizeof(float) * rows_ * lanes);
    for (std::int64_t i = tile; i < tile + lanes; ++i) {
      top_[i] = kLowest;
      total_[i] = 0;
    }
  }

  void visit_columns(std::int64_t tile, std::int64_t first, std::int64_t count) {
    switch (columns(tile)) {
      case 1:
        return visit<1>(tile, first, count);
      case 2:
        return visit<2>(tile, first, count);
      default:
        return visit<3>(tile, first, count);
    }
  }

  /// One tile of queries meets `count` keys from `first` on.
  template <int Columns>
  void visit(std::int64_t tile, std::int64_t first, std::int64_t count) {
    float correction[Columns * kCount];
    products_.template score<Columns>(tile, count, scores_);
    if (block_.mask)
      add_mask<Lanes, Columns>(block_, tile, queries_of(tile), first, count, scores_);
    if (block_.causal) hide_future<Lanes, Columns>(block_, tile, first, count, scores_);
    raise_tops<Lanes, Columns>(scores_, count, top_ + tile, correction);
    products_.template weigh<Columns>(scores_, count, top_ + tile, correction, total_ + tile);
    products_.template mix<Columns>(scores_, count, correction, mixed_ + tile * rows_);
  }

  /// Divides by the sums and writes the tile's queries. Where every key is hidden: 0 / 0.
  void finish(std::int64_t tile) {
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
  Products products_;
  float* mixed_;       ///< tiles of [rows_, lanes]: sums of P * values
  float* top_;         ///< running maxima of the scores
  float* total_;       ///< sums of P
  float* scores_;      ///< [kKeyBlock, lanes] of one tile, then P
  std::int64_t rows_;  ///< width in whole tiles
};

}  // namespace sumi
