#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace sumi {

/// Whether and how tokens are merged around self-attention.
struct MergingSettings {
  double ratio = 0;                  ///< share of the tokens that is merged away, 0 to 0.75
  std::vector<std::uint64_t> seeds;  ///< one for each sample, so that it does not see its batch
};

/// Token merging (Bolya & Hoffman 2023, "Token Merging for Fast Stable Diffusion"): of every 2 x 2
/// pixels one token is a destination, drawn by the sample's seed; the share `ratio` of all tokens
/// that is most alike to a destination (cosine) is merged into it as a mean. Attention works on
/// what is left, and its output is spread over the merged ones. Deterministic; ties go to the
/// earlier token.
class TokenMerge {
 public:
  /// Chosen by likeness in x: [N, height * width, channels].
  TokenMerge(const Tensor& x, std::int64_t height, std::int64_t width, const MergingSettings& how);

  /// [N, tokens, channels] -> [N, left, channels].
  Tensor merge(const Tensor& x) const;
  /// [N, left, channels] -> [N, tokens, channels].
  Tensor spread(const Tensor& merged) const;
  /// Tokens of each sample after merging.
  std::int64_t left() const { return left_; }

 private:
  std::int64_t left_ = 0;
  Tensor members_;   ///< int64 [N * tokens]: tokens of all samples, ordered by what they became
  Tensor offsets_;   ///< int64 [N * left]: where in members_ each merged token's begin
  Tensor position_;  ///< int64 [N * tokens]: what each token became
};

}  // namespace sumi
