#pragma once

#include <cstdint>

namespace sumi {

/// An array of [batch, tokens, heads, width] in place, e.g. a third of a fused qkv buffer. Strides
/// in elements; the last axis is contiguous.
template <class Element>
struct HeadsView {
  Element* data = nullptr;
  std::int64_t batch_stride = 0, token_stride = 0, head_stride = 0;
};

/// Added to the scores: [batch, heads, queries, keys], where stride 0 broadcasts. May be null.
struct MaskView {
  const float* data = nullptr;
  std::int64_t batch_stride = 0, head_stride = 0, query_stride = 0, key_stride = 0;
};

/// Which version of a kernel computes; the better ones need a processor that has them.
enum class LaneKind { plain, avx2, avx512 };

/// What the two products of attention are computed in. The integers need a processor with AVX-512
/// VNNI; on any other every choice is fp32. They pay from a few hundred keys on. Signal to noise
/// against fp32 is measured on normal data.
enum class AttentionPrecision {
  fp32,
  int16,  ///< 16-bit integers: above 60 dB
  int8,   ///< q k^T of 8-bit, P v of 16-bit integers: above 40 dB up to width 160
};

/// The widest that this processor has.
LaneKind widest_lanes();

/// Scaled dot-product attention (Vaswani et al. 2017) that never writes the matrix of scores:
/// FlashAttention-2 (Dao 2023) with the online softmax of Milakov & Gimelshein 2018.
struct AttentionProblem {
  std::int64_t batch = 1, heads = 1, queries = 0, keys = 0, width = 0;
  HeadsView<const float> q, k, v;
  HeadsView<float> out;
  MaskView mask = {};
  bool causal = false;  ///< query i sees keys 0..i only
  float scale = 1;      ///< of the products of q and k, usually 1 / sqrt(width)
};

/// out = softmax(scale * q k^T + mask) v, with as many threads as OpenMP gives. Needs at
/// least one key. Scratch is below 0.8 MiB for each thread up to width 512. A query whose keys are
/// all hidden by a mask of -infinity becomes not-a-number, as a plain softmax makes it.
void attend(const AttentionProblem& problem,
            AttentionPrecision precision = AttentionPrecision::fp32,
            LaneKind lanes = widest_lanes());

}  // namespace sumi
