#pragma once

#include "nn/kernels/attention_block.h"
#include "nn/kernels/exp2.h"

namespace sumi {

// Steps of the online softmax on one tile of scores, [keys, lanes] with the queries along the
// lanes. Scores are in base 2.

constexpr float kLog2E = 1.44269504F;
/// Where the running maxima begin: the lowest float.
constexpr float kLowest = -3.40282347e38F;

/// Raises the running maxima `top` to those of the tile's scores; `correction` [lanes] becomes what
/// sums made with the earlier ones have to be multiplied by.
template <class Lanes, int Columns>
void raise_tops(const float* scores, std::int64_t count, float* top, float* correction) {
  using Vector = typename Lanes::Vector;
  constexpr int kCount = Lanes::kCount, kStep = Columns * kCount;
  Vector even[Columns], odd[Columns];
#pragma GCC unroll 3
  for (int c = 0; c < Columns; ++c) even[c] = odd[c] = Lanes::load(top + c * kCount);
  // The maximum of two rows at a time, since each waits for the one before.
  for (std::int64_t pairs = count / 2; pairs > 0; --pairs, scores += 2 * kStep)
#pragma GCC unroll 3
    for (int c = 0; c < Columns; ++c) {
      even[c] = Lanes::max(Lanes::load(scores + c * kCount), even[c]);
      odd[c] = Lanes::max(Lanes::load(scores + kStep + c * kCount), odd[c]);
    }
#pragma GCC unroll 3
  for (int c = 0; c < Columns; ++c) {
    if (count % 2) even[c] = Lanes::max(Lanes::load(scores + c * kCount), even[c]);
    const auto highest = Lanes::max(even[c], odd[c]);
    const auto before = Lanes::load(top + c * kCount);
    Lanes::store(correction + c * kCount, exp2<Lanes>(Lanes::subtract(before, highest)));
    Lanes::store(top + c * kCount, highest);
  }
}

/// A finite mask stays finite in base 2 and above kLowest, so that a row of the lowest floats is
/// averaged as the softmax would; -infinity hides a key.
template <class Lanes>
float to_base_2(float mask) {
  const float scaled = mask * kLog2E;
  return mask >= kLowest && scaled < 0.5F * kLowest ? 0.5F * kLowest : scaled;
}

/// Adds the mask of `queries` queries from the block's query `tile` on and `count` keys from
/// `first` on.
template <class Lanes, int Columns>
void add_mask(const AttentionBlock& block, std::int64_t tile, std::int64_t queries,
              std::int64_t first, std::int64_t count, float* scores) {
  const float* mask = block.mask + tile * block.mask_query_stride + first * block.mask_key_stride;
  for (std::int64_t key = 0; key < count; ++key, scores += Columns * Lanes::kCount) {
    const float* element = mask + key * block.mask_key_stride;
    if (block.mask_query_stride == 0) {
      const auto shared = Lanes::broadcast(to_base_2<Lanes>(*element));
      for (int i = 0; i < Columns * Lanes::kCount; i += Lanes::kCount)
        Lanes::store(scores + i, Lanes::add(Lanes::load(scores + i), shared));
    } else {
      for (std::int64_t i = 0; i < queries; ++i)
        scores[i] += to_base_2<Lanes>(element[i * block.mask_query_stride]);
    }
  }
}

/// -infinity for every query before the key.
template <class Lanes, int Columns>
void hide_future(const AttentionBlock& block, std::int64_t tile, std::int64_t first,
                 std::int64_t count, float* scores) {
  constexpr int kStep = Columns * Lanes::kCount;
  for (std::int64_t key = 0; key < count; ++key, scores += kStep) {
    const auto hidden = first + key - block.first_query - tile;
    for (std::int64_t i = 0; i < hidden && i < kStep; ++i) scores[i] = -__builtin_inff();
  }
}

}  // namespace sumi
