#include "nn/kernels/attention_kernel.h"

#include <algorithm>
#include <memory>
#include <new>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "core/processor.h"
#include "nn/kernels/attention_block.h"

namespace sumi {
namespace {

/// Packed queries and results of one block: what stays in the second cache of a core.
constexpr std::int64_t kBlockFloats = 1 << 17;
constexpr std::int64_t kLargestQueryBlock = 28 * kQueryTile;
/// Blocks for each thread, so that none waits long for the last.
constexpr std::int64_t kBlocksPerThread = 4;
/// Multiplications of q and k that take about as long as waking a thread.
constexpr std::int64_t kProductsPerThread = 1 << 20;
constexpr std::align_val_t kAlignment{64};

struct Release {
  void operator()(float* floats) const { ::operator delete[](floats, kAlignment); }
};

std::unique_ptr<float[], Release> aligned_floats(std::int64_t count) {
  const auto bytes = sizeof(float) * static_cast<std::size_t>(count);
  return std::unique_ptr<float[], Release>(
      static_cast<float*>(::operator new[](bytes, kAlignment)));
}

std::int64_t round_up(std::int64_t count, std::int64_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

AttentionScratch scratch_layout(std::int64_t queries, std::int64_t width) {
  const auto lanes = round_up(queries, kQueryTile), rows = round_up(width, 16);
  AttentionScratch at;
  at.mixed = at.queries + lanes * rows;
  at.top = at.mixed + lanes * rows;
  at.total = at.top + lanes;
  at.keys = at.total + lanes;
  at.values = at.keys + kKeyBlock * rows;
  at.scores = at.values + kKeyBlock * rows;
  at.row = at.scores + kKeyBlock * kQueryTile;
  at.key_mean = at.row + rows;
  at.value_scales = at.key_mean + rows;
  at.query_scales = at.value_scales + rows;
  at.key_scales = at.query_scales + lanes;
  at.key_offsets = at.key_scales + kKeyBlock;
  at.size = at.key_offsets + kKeyBlock;
  return at;
}

/// As many as OpenMP gives, but no more than find work enough to be worth waking.
int threads_for(const AttentionProblem& p) {
#ifdef _OPENMP
  const auto products = p.batch * p.heads * p.queries * p.keys * p.width;
  return static_cast<int>(
      std::clamp<std::int64_t>(products / kProductsPerThread, 1, omp_get_max_threads()));
#else
  static_cast<void>(p);
  return 1;
#endif
}

/// Queries of one block: few enough for the cache and for every thread to get several blocks.
std::int64_t block_queries(const AttentionProblem& p, int threads) {
  const auto fits = kBlockFloats / (2 * round_up(p.width, 16)) / kQueryTile * kQueryTile;
  const auto all = p.batch * p.heads * p.queries;
  const auto fair = threads > 1 ? round_up(all / (threads * kBlocksPerThread), kQueryTile) : all;
  return std::clamp(std::min(fits, fair), kQueryTile, kLargestQueryBlock);
}

AttentionBlock block_of(const AttentionProblem& p, std::int64_t sample, std::int64_t head,
                        std::int64_t first, std::int64_t queries) {
  const auto place = [&](const auto& x, std::int64_t token) {
    return x.data + sample * x.batch_stride + head * x.head_stride + token * x.token_stride;
  };
  AttentionBlock block;
  block.q = place(p.q, first);
  block.k = place(p.k, 0);
  block.v = place(p.v, 0);
  block.out = place(p.out, first);
  block.q_stride = p.q.token_stride;
  block.k_stride = p.k.token_stride;
  block.v_stride = p.v.token_stride;
  block.out_stride = p.out.token_stride;
  if (p.mask.data)
    block.mask = p.mask.data + sample * p.mask.batch_stride + head * p.mask.head_stride +
                 first * p.mask.query_stride;
  block.mask_query_stride = p.mask.query_stride;
  block.mask_key_stride = p.mask.key_stride;
  block.first_query = first;
  block.queries = queries;
  block.keys = p.keys;
  block.width = p.width;
  block.causal = p.causal;
  block.scale = p.scale;
  return block;
}

AttendBlock version(AttentionPrecision precision, LaneKind lanes) {
#if defined(__x86_64__)
  if (precision != AttentionPrecision::fp32 && processor().vnni)
    return precision == AttentionPrecision::int16 ? attend_block_int16 : attend_block_int8;
  if (lanes == LaneKind::avx512) return attend_block_avx512;
  if (lanes == LaneKind::avx2) return attend_block_avx2;
#else
  static_cast<void>(precision);
  static_cast<void>(lanes);
#endif
  return attend_block_plain;
}

}  // namespace

LaneKind widest_lanes() {
  if (processor().avx512) return LaneKind::avx512;
  return processor().avx2 ? LaneKind::avx2 : LaneKind::plain;
}

void attend(const AttentionProblem& p, AttentionPrecision precision, LaneKind lanes) {
  const int wanted = threads_for(p);
  const auto largest = block_queries(p, wanted);
  const auto blocks = (p.queries + largest - 1) / largest, all = p.batch * p.heads * blocks;
  const auto threads = static_cast<int>(std::clamp<std::int64_t>(all, 1, wanted));
  const auto layout = scratch_layout(std::min(largest, p.queries), p.width);
  const auto each = round_up(layout.size, 16);
  const auto scratch = aligned_floats(each * threads);
  const auto run = version(precision, lanes);
#pragma omp parallel num_threads(threads)
  {
#ifdef _OPENMP
    float* own = scratch.get() + each * omp_get_thread_num();
#else
    float* own = scratch.get();
#endif
#pragma omp for schedule(dynamic)
    for (std::int64_t i = 0; i < all; ++i) {
      const auto first = i % blocks * largest, head = i / blocks;
      auto block =
          block_of(p, head / p.heads, head % p.heads, first, std::min(largest, p.queries - first));
      block.layout = layout;
      block.scratch = own;
      run(block);
    }
  }
}

}  // namespace sumi
