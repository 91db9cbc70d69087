#include "models/joint_attention.h"

#include <cmath>

#include "nn/attention.h"

namespace sumi {
namespace {

/// Starts as DiT does (Glorot & Bengio 2010, without a bias).
Linear projection(std::int64_t width) {
  return Linear(width, width).start_normal(1 / std::sqrt(static_cast<double>(width)));
}

}  // namespace

JointAttention::JointAttention(const Options& o)
    : options_(o),
      sample_([&] {
        const auto width = o.heads * o.head_width;
        Projections p{add("to_q", projection(width)),
                      add("to_k", projection(width)),
                      add("to_v", projection(width)),
                      {}};
        if (o.qk_norm)
          p.norms = {add("norm_q", RmsNorm(o.head_width)), add("norm_k", RmsNorm(o.head_width))};
        return p;
      }()),
      to_out_(add("to_out.0", projection(o.heads * o.head_width))) {
  if (!o.context) return;
  const auto width = o.heads * o.head_width;
  Projections p{add("add_q_proj", projection(width)),
                add("add_k_proj", projection(width)),
                add("add_v_proj", projection(width)),
                {}};
  if (o.qk_norm)
    p.norms = {add("norm_added_q", RmsNorm(o.head_width)),
               add("norm_added_k", RmsNorm(o.head_width))};
  context_.push_back(std::move(p));
  if (o.context_out) to_add_out_.push_back(add("to_add_out", projection(width)));
}

JointAttention::Projected JointAttention::project(const Projections& by, const Activations& x) {
  Projected made{by.q.forward(x), by.k.forward(x), by.v.forward(x)};
  if (by.norms.empty()) return made;
  made.q = by.norms[0].forward_heads(made.q);
  made.k = by.norms[1].forward_heads(made.k);
  return made;
}

Tensor JointAttention::mix(const Projected& all) const {
  const AttentionOptions options = {
      .precision = sample_.q.takes_bytes() ? AttentionPrecision::int8 : AttentionPrecision::fp32};
  return attention(all.q, all.k, all.v, options_.heads, options);
}

Streams JointAttention::forward(const Activations& sample, const Activations& context) const {
  const auto own = project(sample_, sample);
  if (context_.empty()) return {to_out_.forward(mix(own)), {}};
  const auto added = project(context_.front(), context);
  const Tensor mixed = mix(
      {at::cat({own.q, added.q}, 1), at::cat({own.k, added.k}, 1), at::cat({own.v, added.v}, 1)});
  const auto tokens = own.q.size(1);
  Streams out;
  out.sample = to_out_.forward(mixed.narrow(1, 0, tokens).contiguous());
  if (!to_add_out_.empty())
    out.context = to_add_out_[0].forward(mixed.narrow(1, tokens, added.q.size(1)).contiguous());
  return out;
}

}  // namespace sumi
