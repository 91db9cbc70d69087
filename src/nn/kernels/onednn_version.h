#pragma once

// The one file that holds what differs between oneDNN 2 and 3.

#include <cstdlib>
#include <dnnl.hpp>
#include <vector>

namespace sumi {

/// Whether it multiplies bytes exactly: by VNNI in AVX-512, which make_cpu_engine() leaves aside
/// from 3 on.
#if DNNL_VERSION_MAJOR >= 3
constexpr bool kMultipliesBytes = false;
#else
constexpr bool kMultipliesBytes = true;
#endif

/// The processor as oneDNN sees it. 3.7.2 computes wrong numbers with AVX-512 where output channels
/// do not fill a vector: from 3 on it keeps to AVX2, unless ONEDNN_MAX_CPU_ISA says otherwise.
inline dnnl::engine make_cpu_engine() {
#if DNNL_VERSION_MAJOR >= 3
  if (std::getenv("ONEDNN_MAX_CPU_ISA") == nullptr) dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2);
#endif
  return {dnnl::engine::kind::cpu, 0};
}

/// The description of a Primitive on `engine`; `parts` are what its documentation lists, from the
/// kind of propagation or the first memory on.
template <class Primitive, class... Parts>
typename Primitive::primitive_desc describe(const dnnl::engine& engine,
                                            const dnnl::primitive_attr& attributes,
                                            const Parts&... parts) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, parts..., attributes};
#else
  return {typename Primitive::desc(parts...), attributes, engine};
#endif
}

inline void append_activation(dnnl::post_ops& after, dnnl::algorithm function, float alpha) {
#if DNNL_VERSION_MAJOR >= 3
  after.append_eltwise(function, alpha, 0);
#else
  after.append_eltwise(1, function, alpha, 0);
#endif
}

/// Under which argument a product of bytes is given its scales, one for each output channel.
/// oneDNN 2 reads it only where they are not known when it is described.
#if DNNL_VERSION_MAJOR >= 3
constexpr int kScalesArgument = DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS;
#else
constexpr int kScalesArgument = DNNL_ARG_ATTR_OUTPUT_SCALES;
#endif

/// Multiplies each output channel by its scale, told by `known` or, without it, when running.
inline void scale_channels(dnnl::primitive_attr& attributes,
                           [[maybe_unused]] const std::vector<float>& known = {}) {
#if DNNL_VERSION_MAJOR >= 3
  attributes.set_scales_mask(DNNL_ARG_WEIGHTS, 1 << 0);
#else
  attributes.set_output_scales(1 << 1,
                               known.empty() ? std::vector<float>{DNNL_RUNTIME_F32_VAL} : known);
#endif
}

/// The bias that adds `amount` to the sum of a channel before `scale` multiplies it: oneDNN 2
/// scales the bias too, 3 adds it afterwards.
inline float bias_for(float amount, [[maybe_unused]] float scale) {
#if DNNL_VERSION_MAJOR >= 3
  return amount * scale;
#else
  return amount;
#endif
}

}  // namespace sumi
