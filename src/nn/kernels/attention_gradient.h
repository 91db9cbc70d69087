#pragma once

#include "nn/kernels/attention_kernel.h"

namespace sumi {

/// The way back of attention whose matrix of scores fits near the processor; see AttentionProblem
/// for the views. One head of one sample is worked on at a time, by one thread.
struct AttentionGradient {
  std::int64_t batch = 1, heads = 1, queries = 1, keys = 1, width = 1;
  HeadsView<const float> q, k, v;
  HeadsView<const float> gradient;  ///< of the result
  HeadsView<float> to_q, to_k, to_v;
  bool causal = false;
  float scale = 1;

  void run() const;
};

}  // namespace sumi
