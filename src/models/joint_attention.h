#pragma once

#include <vector>

#include "nn/layers.h"
#include "nn/rms_norm.h"

namespace sumi {

/// The two streams of a joint transformer; the text is undefined once nothing reads it any more.
struct Streams {
  Tensor sample;   ///< the picture, [N, tokens, width]
  Tensor context;  ///< the text, [N, tokens, width]
};

/// Attention over picture and text as one sequence, each with projections of its own (Esser et al.
/// 2024, figure 2b; diffusers Attention with JointAttnProcessor2_0).
class JointAttention : public Module {
 public:
  struct Options {
    std::int64_t heads, head_width;
    bool qk_norm;      ///< queries and keys go through an RMS norm, head by head
    bool context;      ///< the text takes part; else it is plain attention of the picture
    bool context_out;  ///< the text goes on afterwards
  };
  explicit JointAttention(const Options& options);

  /// What it adds to the streams. `context` holds values or bytes only where the text takes part.
  Streams forward(const Activations& sample, const Activations& context) const;

  /// The layers that read the streams, for a norm that writes what they take.
  const Linear& to_q() const { return sample_.q; }
  const Linear& to_k() const { return sample_.k; }
  const Linear& to_v() const { return sample_.v; }
  const Linear& add_q() const { return context_.front().q; }
  const Linear& add_k() const { return context_.front().k; }
  const Linear& add_v() const { return context_.front().v; }

 private:
  struct Projections {
    Linear q, k, v;
    std::vector<RmsNorm> norms;  ///< of q and k, or none
  };
  struct Projected {
    Tensor q, k, v;
  };
  static Projected project(const Projections& by, const Activations& x);
  Tensor mix(const Projected& all) const;

  Options options_;
  Projections sample_;
  std::vector<Projections> context_;  // one or none
  Linear to_out_;
  std::vector<Linear> to_add_out_;  // one or none
};

}  // namespace sumi
