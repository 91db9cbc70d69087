#include "nn/attention.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "core/torch_version.h"
#include "nn/attention_problem.h"
#include "nn/trace.h"
#include "nn/trained.h"

namespace sumi {
namespace {

/// [batch, tokens, heads * width] -> [batch, heads, tokens, width], a view.
Tensor split_heads(const Tensor& x, std::int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

/// -infinity where key > query, else 0. [queries, keys]
Tensor causal_mask(std::int64_t queries, std::int64_t keys, const Tensor& like) {
  const auto all =
      at::full({queries, keys}, -std::numeric_limits<double>::infinity(), like.options());
  return all.triu(1);
}

Tensor batched_attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t heads,
                         const AttentionOptions& options) {
  const auto batch = q.size(0), queries = q.size(1), keys = k.size(1), width = q.size(2) / heads;
  const auto merged = [&](const Tensor& x) {
    return split_heads(x, heads).reshape({batch * heads, x.size(1), width});
  };
  const double scale = 1.0 / std::sqrt(static_cast<double>(width));
  auto scores = at::bmm(merged(q * scale), merged(k).transpose(1, 2));
  if (options.causal) scores = scores + causal_mask(queries, keys, q);
  if (options.mask.defined())
    scores = (scores.view({batch, heads, queries, keys}) + options.mask).view_as(scores);
  const auto mixed = at::bmm(at::softmax(scores, -1), merged(v));
  return mixed.view({batch, heads, queries, width}).transpose(1, 2).reshape(q.sizes());
}

/// By the kernel of this processor, on the tensors as they lie: a third of a fused product is read
/// in place.
Tensor kernel_attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t heads,
                        const AttentionOptions& options) {
  const auto dense = [](const Tensor& x) {
    return x.stride(2) == 1 ? x.to(at::kFloat) : x.to(at::kFloat).contiguous();
  };
  const auto qs = dense(q), ks = dense(k), vs = dense(v);
  auto out = at::empty(q.sizes(), q.options().dtype(at::kFloat));
  AttentionProblem problem = attention_problem(qs, ks, vs, out, heads, options.causal);
  Tensor mask;
  if (options.mask.defined()) {
    mask = options.mask.to(at::kFloat).expand({q.size(0), heads, q.size(1), k.size(1)});
    problem.mask = {mask.data_ptr<float>(), mask.stride(0), mask.stride(1), mask.stride(2),
                    mask.stride(3)};
  }
  TracedCall traced(LayerCall::Kind::attention);
  if (auto* call = traced.description()) {
    call->shape = fmt::format("{} x {} heads, {} x {} x {}", problem.batch, heads, problem.queries,
                              problem.keys, problem.width);
    call->operations = 4.0 * static_cast<double>(problem.batch * heads * problem.width) *
                       static_cast<double>(problem.queries * problem.keys);
    call->in_bytes = options.precision != AttentionPrecision::fp32;
  }
  attend(problem, options.precision);
  return out.to(q.scalar_type());
}

bool needs_gradient(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask) {
  return torch::GradMode::is_enabled() &&
         (q.requires_grad() || k.requires_grad() || v.requires_grad() ||
          (mask.defined() && mask.requires_grad()));
}

/// float32 in the processor's memory; 16-bit floats are computed as float32.
bool kernel_takes(const Tensor& q, const Tensor& k, const Tensor& v) {
  const auto plain = [](const Tensor& x) {
    return x.device().is_cpu() && x.is_floating_point() && x.element_size() <= 4 && x.numel() > 0;
  };
  return plain(q) && plain(k) && plain(v);
}

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t heads,
                 const AttentionOptions& options) {
  if (kernel_takes(q, k, v) && !needs_gradient(q, k, v, options.mask))
    return kernel_attention(q, k, v, heads, options);
  if (!options.mask.defined())
    if (Tensor out = trained_attention(q, k, v, heads, options.causal); out.defined()) return out;
  if constexpr (kHasFusedAttention) {
    const auto mixed = fused_attention(split_heads(q, heads), split_heads(k, heads),
                                       split_heads(v, heads), options.mask, options.causal);
    return mixed.transpose(1, 2).reshape(q.sizes());
  }
  return batched_attention(q, k, v, heads, options);
}

}  // namespace sumi
