#include "nn/attention.h"

#include <cmath>
#include <limits>

#include "core/torch_version.h"

namespace sumi {
namespace {

/// Scores held at once by the sliced form: 2^21 floats are 8 MiB, which stays in the last cache.
constexpr std::int64_t kSliceScores = 1 << 21;
/// Below this many scores in all (32 MiB) one batched product is faster than slices.
constexpr std::int64_t kBatchedScores = 1 << 23;

/// [batch, tokens, heads * width] -> [batch, heads, tokens, width], a view.
Tensor split_heads(const Tensor& x, std::int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

/// -infinity where key > query, else 0. [queries, keys] for queries first, first + 1, …
Tensor causal_mask(std::int64_t first, std::int64_t queries, std::int64_t keys,
                   const Tensor& like) {
  const auto all =
      at::full({queries, keys}, -std::numeric_limits<double>::infinity(), like.options());
  return all.triu_(first + 1);
}

Tensor batched_attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t heads,
                         const AttentionOptions& options) {
  const auto batch = q.size(0), queries = q.size(1), keys = k.size(1), width = q.size(2) / heads;
  const auto merged = [&](const Tensor& x) {
    return split_heads(x, heads).reshape({batch * heads, x.size(1), width});
  };
  const double scale = 1.0 / std::sqrt(static_cast<double>(width));
  auto scores = at::bmm(merged(q * scale), merged(k).transpose(1, 2));
  if (options.causal) scores = scores + causal_mask(0, queries, keys, q);
  if (options.mask.defined())
    scores = (scores.view({batch, heads, queries, keys}) + options.mask).view_as(scores);
  const auto mixed = at::bmm(at::softmax(scores, -1), merged(v));
  return mixed.view({batch, heads, queries, width}).transpose(1, 2).reshape(q.sizes());
}

/// One head of one sample at a time, straight on strided views: nothing but one slice of scores is
/// allocated, and the result lands where it belongs.
Tensor sliced_attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t heads,
                        const AttentionOptions& options) {
  const auto batch = q.size(0), queries = q.size(1), keys = k.size(1), width = q.size(2) / heads;
  const double scale = 1.0 / std::sqrt(static_cast<double>(width));
  const auto rows = std::clamp<std::int64_t>(kSliceScores / keys, 1, queries);
  auto out = at::empty(q.sizes(), q.options());
  auto buffer = at::empty({rows, keys}, q.options());
  const auto qs = split_heads(q, heads), ks = split_heads(k, heads), vs = split_heads(v, heads);
  auto outs = split_heads(out, heads);
  const auto mask =
      options.mask.defined() ? options.mask.expand({batch, heads, queries, keys}) : Tensor();
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t h = 0; h < heads; ++h)
      for (std::int64_t first = 0; first < queries; first += rows) {
        const auto count = std::min(rows, queries - first);
        auto scores = buffer.narrow(0, 0, count);
        at::addmm_out(scores, scores, qs[b][h].narrow(0, first, count), ks[b][h].t(), /*beta=*/0,
                      scale);
        if (options.causal) scores.add_(causal_mask(first, count, keys, q));
        if (mask.defined()) scores.add_(mask[b][h].narrow(0, first, count));
        at::softmax_out(scores, scores, -1);
        auto target = outs[b][h].narrow(0, first, count);
        at::mm_out(target, scores, vs[b][h]);
      }
  return out;
}

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t heads,
                 const AttentionOptions& options) {
  if constexpr (kHasFusedAttention) {
    const auto mixed = fused_attention(split_heads(q, heads), split_heads(k, heads),
                                       split_heads(v, heads), options.mask, options.causal);
    return mixed.transpose(1, 2).reshape(q.sizes());
  }
  const auto scores = q.size(0) * heads * q.size(1) * k.size(1);
  const bool needs_gradient = torch::GradMode::is_enabled() &&
                              (q.requires_grad() || k.requires_grad() || v.requires_grad());
  if (needs_gradient || scores <= kBatchedScores || !q.device().is_cpu())
    return batched_attention(q, k, v, heads, options);
  return sliced_attention(q, k, v, heads, options);
}

}  // namespace sumi
