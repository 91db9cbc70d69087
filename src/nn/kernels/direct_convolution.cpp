#include "nn/kernels/direct_convolution.h"

#include "nn/kernels/post_ops.h"

namespace sumi {

using dnnl::memory;

DirectConvolution::DirectConvolution(const ConvolutionShape& shape, const float* weight,
                                     const float* bias)
    : shape_(shape),
      weights_({{shape.out, shape.in, shape.kernel, shape.kernel},
                memory::data_type::f32,
                memory::format_tag::oihw},
               weight),
      bias_(static_cast<std::size_t>(shape.out)) {
  if (bias) bias_.assign(bias, bias + shape.out);
}

DirectConvolution::Prepared DirectConvolution::prepare(const Key& key) const {
  using enum memory::data_type;
  using tag = memory::format_tag;
  const auto& s = shape_;
  const auto to = s.output(key.size);
  const memory::desc x({key.size.batch, s.in, key.size.height, key.size.width}, f32, tag::nhwc);
  const memory::desc y({to.batch, s.out, to.height, to.width}, f32, tag::nhwc);
  const memory::desc weight({s.out, s.in, s.kernel, s.kernel}, f32, tag::any);
  const memory::desc offset({s.out}, f32, tag::a);
  const auto desc = describe<dnnl::convolution_forward>(
      cpu_engine(), float_attributes(Activation::none, key.adds),
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, x, weight, offset, y,
      memory::dims{s.stride, s.stride}, memory::dims{s.padding.top, s.padding.left},
      memory::dims{s.padding.bottom, s.padding.right});
  return {desc, dnnl::convolution_forward(desc)};
}

bool DirectConvolution::run(const float* x, const ImageSize& size, float* out,
                            const float* residual) {
  const Key key = {size, residual != nullptr, compute_threads()};
  const auto& prepared = cache_.get(key, [&] { return prepare(key); });
  if (!prepared) return false;
  const auto& desc = prepared->desc;
  if (residual) copy_floats(residual, shape_.output(size).pixels() * shape_.out, out);
  execute(prepared->convolution,
          {{DNNL_ARG_SRC, at_address(desc.src_desc(), x)},
           {DNNL_ARG_WEIGHTS, weights_.in(desc.weights_desc())},
           {DNNL_ARG_BIAS, at_address(desc.bias_desc(), bias_.data())},
           {DNNL_ARG_DST, at_address(desc.dst_desc(), out)},
           {DNNL_ARG_SCRATCHPAD,
            at_address(desc.scratchpad_desc(), scratch(desc.scratchpad_desc().get_size()))}});
  return true;
}

}  // namespace sumi
