#include <optional>
#include <utility>

#include "nn/kernels/byte_layers.h"
#include "nn/kernels/onednn.h"
#include "nn/kernels/onednn_version.h"

namespace sumi {

using dnnl::memory;
using Convolution = dnnl::convolution_forward;

/// oneDNN gives weight scale[c] * (sum of x * weight + offset[c]), multiplied by the scale of x
/// afterwards: its convolutions take only scales that are known beforehand, but any factor as an
/// operation after them. Padding is part of the picture, so that the zero point of x adds the same
/// everywhere and offset can take it off.
struct ByteConvolution::State {
  struct Key {
    ImageSize size;  ///< with the border
    bool adds;
    int threads;
    bool operator==(const Key&) const = default;
  };
  struct Prepared {
    Convolution::primitive_desc desc;
    Convolution convolution;
  };

  ConvolutionShape shape;
  std::optional<ByteLinear> pointwise;
  ByteWeights quantised;  ///< its values are given up once packed
  std::optional<PackedWeights> weights;
  std::vector<float> bias, offset;
  PreparedCache<Key, Prepared> cache;

  State(const ConvolutionShape& s, ByteWeights bytes, const float* bias_or_none) : shape(s) {
    if (shape.pointwise()) {
      pointwise.emplace(shape.in, shape.out, std::move(bytes), bias_or_none);
      return;
    }
    quantised = std::move(bytes);
    weights.emplace(memory::desc({shape.out, shape.in, shape.kernel, shape.kernel},
                                 memory::data_type::s8, memory::format_tag::oihw),
                    quantised.data());
    quantised.give_up_values();
    bias.resize(static_cast<std::size_t>(shape.out));
    offset.resize(bias.size());
    if (bias_or_none) bias.assign(bias_or_none, bias_or_none + shape.out);
  }

  dnnl::primitive_attr attributes(bool adds) const {
    dnnl::primitive_attr all;
    all.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    scale_channels(all, quantised.scale);
    dnnl::post_ops after;
    after.append_binary(dnnl::algorithm::binary_mul, factor_desc());
    if (adds) after.append_sum(1);
    all.set_post_ops(after);
    return all;
  }

  static memory::desc factor_desc() {
    return {{1, 1, 1, 1}, memory::data_type::f32, memory::format_tag::abcd};
  }

  Prepared prepare(const Key& key) const {
    using enum memory::data_type;
    using tag = memory::format_tag;
    auto inside = shape;
    inside.padding = {};
    const auto to = inside.output(key.size);
    const memory::desc x({key.size.batch, shape.in, key.size.height, key.size.width}, u8,
                         tag::nhwc);
    const memory::desc y({to.batch, shape.out, to.height, to.width}, f32, tag::nhwc);
    const memory::desc weight({shape.out, shape.in, shape.kernel, shape.kernel}, s8, tag::any);
    const memory::desc start({shape.out}, f32, tag::a);
    const auto desc = describe<Convolution>(
        cpu_engine(), attributes(key.adds), dnnl::prop_kind::forward_inference,
        dnnl::algorithm::convolution_direct, x, weight, start, y,
        memory::dims{shape.stride, shape.stride}, memory::dims{0, 0}, memory::dims{0, 0});
    return {desc, Convolution(desc)};
  }

  void set_offsets(Quantisation x) {
    for (std::size_t c = 0; c < offset.size(); ++c)
      offset[c] =
          bias_for(bias[c] / (x.scale * quantised.scale[c]) -
                       static_cast<float>(x.zero_point) * static_cast<float>(quantised.sum[c]),
                   quantised.scale[c]);
  }
};

ByteConvolution::ByteConvolution(const ConvolutionShape& shape, const float* weight,
                                 const float* bias)
    : ByteConvolution(shape,
                      quantise_weights(weight, shape.out, shape.in * shape.kernel * shape.kernel),
                      bias) {}

ByteConvolution::ByteConvolution(const ConvolutionShape& shape, ByteWeights weights,
                                 const float* bias)
    : state_(new State(shape, std::move(weights), bias)) {}

ByteConvolution::ByteConvolution(ByteConvolution&&) noexcept = default;
ByteConvolution& ByteConvolution::operator=(ByteConvolution&&) noexcept = default;
ByteConvolution::~ByteConvolution() = default;

bool ByteConvolution::run(const ByteImage& x, Quantisation quantisation, float* out,
                          const float* residual) {
  if (!multiplies_bytes()) return false;
  auto& s = *state_;
  const ImageSize size = {x.batch, x.full_height(), x.full_width()};
  if (s.pointwise) return s.pointwise->run(x.data, quantisation, size.pixels(), out, residual);
  const State::Key key = {size, residual != nullptr, compute_threads()};
  const auto& prepared = s.cache.get(key, [&] { return s.prepare(key); });
  if (!prepared) return false;
  const auto& desc = prepared->desc;
  s.set_offsets(quantisation);
  const memory::desc scales({s.shape.out}, memory::data_type::f32, memory::format_tag::a);
  if (residual)
    copy_floats(residual, s.shape.output({x.batch, x.height, x.width}).pixels() * s.shape.out, out);
  execute(prepared->convolution,
          {{DNNL_ARG_SRC, at_address(desc.src_desc(), x.data)},
           {DNNL_ARG_WEIGHTS, s.weights->in(desc.weights_desc())},
           {DNNL_ARG_BIAS, at_address(desc.bias_desc(), s.offset.data())},
           {kScalesArgument, at_address(scales, s.quantised.scale.data())},
           {DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
            at_address(State::factor_desc(), &quantisation.scale)},
           {DNNL_ARG_DST, at_address(desc.dst_desc(), out)},
           {DNNL_ARG_SCRATCHPAD,
            at_address(desc.scratchpad_desc(), scratch(desc.scratchpad_desc().get_size()))}});
  return true;
}

const ConvolutionShape& ByteConvolution::shape() const { return state_->shape; }

double ByteConvolution::weight_snr_db() const {
  return state_->pointwise ? state_->pointwise->weight_snr_db() : state_->quantised.snr_db;
}

std::size_t ByteConvolution::bytes() const {
  return state_->pointwise ? state_->pointwise->bytes() : state_->weights->bytes();
}

}  // namespace sumi
