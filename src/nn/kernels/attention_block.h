#pragma once

#include <cstdint>

namespace sumi {

/// Queries that every instruction set's tile of queries divides.
constexpr std::int64_t kQueryTile = 48;
/// Keys whose scores with a tile of queries are held at once: 12 KiB, which stays in the first
/// cache together with the keys and values themselves.
constexpr std::int64_t kKeyBlock = 64;

/// Where the packed parts of a block lie in its scratch, in floats.
struct AttentionScratch {
  std::int64_t queries = 0, mixed = 0, top = 0, total = 0, keys = 0, values = 0, scores = 0;
  /// Of the integer forms only.
  std::int64_t row = 0, key_mean = 0, value_scales = 0, query_scales = 0, key_scales = 0,
               key_offsets = 0;
  std::int64_t size = 0;
};

/// Consecutive queries of one head of one sample: the unit of work of fused attention. Pointers are
/// to the head's first key and the block's first query; strides count floats from token to token.
struct AttentionBlock {
  const float* q = nullptr;
  const float* k = nullptr;
  const float* v = nullptr;
  float* out = nullptr;
  std::int64_t q_stride = 0, k_stride = 0, v_stride = 0, out_stride = 0;
  const float* mask = nullptr;  ///< of the block's first query and the first key; may be null
  std::int64_t mask_query_stride = 0, mask_key_stride = 0;
  std::int64_t queries = 0, keys = 0, width = 0;
  std::int64_t first_query = 0;  ///< position of the block's first query, for `causal`
  bool causal = false;
  float scale = 1;
  float* scratch = nullptr;  ///< layout.size floats, aligned to 64 bytes
  AttentionScratch layout;
};

/// out = softmax(scale * q k^T + mask) v for one block.
using AttendBlock = void (*)(const AttentionBlock&);
void attend_block_plain(const AttentionBlock& block);
void attend_block_avx2(const AttentionBlock& block);
void attend_block_avx512(const AttentionBlock& block);
void attend_block_int16(const AttentionBlock& block);
void attend_block_int8(const AttentionBlock& block);

}  // namespace sumi
