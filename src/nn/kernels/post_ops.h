#pragma once

#include "nn/kernels/onednn_version.h"
#include "nn/kernels/packed_linear.h"

namespace sumi {

/// Attributes of a float32 product: its activation, then the addition to what `out` holds; scratch
/// memory is ours.
inline dnnl::primitive_attr float_attributes(Activation activation, bool adds) {
  dnnl::post_ops after;
  if (activation == Activation::silu) append_activation(after, dnnl::algorithm::eltwise_swish, 1);
  if (activation == Activation::gelu)
    append_activation(after, dnnl::algorithm::eltwise_gelu_erf, 0);
  if (adds) after.append_sum(1);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_post_ops(after);
  return attributes;
}

}  // namespace sumi
