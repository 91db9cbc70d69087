#include <utility>

#include "core/processor.h"
#include "nn/kernels/byte_layers.h"
#include "nn/kernels/onednn.h"
#include "nn/kernels/onednn_version.h"

namespace sumi {

using dnnl::memory;
using Product = dnnl::inner_product_forward;

bool multiplies_bytes() { return kMultipliesBytes && processor().vnni; }

/// oneDNN gives scale[c] * (sum of x * weight + offset[c]), where scale is that of x times that of
/// the weights, and offset takes off what the zero point of x added and brings the bias.
struct ByteLinear::State {
  struct Key {
    std::int64_t rows;
    bool adds;
    int threads;
    bool operator==(const Key&) const = default;
  };
  struct Prepared {
    Product::primitive_desc desc;
    Product product;
  };

  std::int64_t in, out;
  ByteWeights quantised;  ///< its values are given up once packed
  PackedWeights weights;
  std::vector<float> bias;
  std::vector<float> scale, offset;  ///< of the current call
  PreparedCache<Key, Prepared> cache;

  State(std::int64_t width_in, std::int64_t width_out, ByteWeights bytes, const float* bias_or_none)
      : in(width_in),
        out(width_out),
        quantised(std::move(bytes)),
        weights({{out, in}, memory::data_type::s8, memory::format_tag::ab}, quantised.data()),
        bias(static_cast<std::size_t>(out)),
        scale(static_cast<std::size_t>(out)),
        offset(static_cast<std::size_t>(out)) {
    quantised.give_up_values();
    if (bias_or_none) bias.assign(bias_or_none, bias_or_none + out);
  }

  Prepared prepare(const Key& key) const {
    using enum memory::data_type;
    using tag = memory::format_tag;
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    scale_channels(attributes);
    dnnl::post_ops after;
    if (key.adds) after.append_sum(1);
    attributes.set_post_ops(after);
    const memory::desc x({key.rows, in}, u8, tag::ab), y({key.rows, out}, f32, tag::ab);
    const memory::desc weight({out, in}, s8, tag::any), start({out}, f32, tag::a);
    const auto desc = describe<Product>(cpu_engine(), attributes,
                                        dnnl::prop_kind::forward_inference, x, weight, start, y);
    return {desc, Product(desc)};
  }

  void set_scales(Quantisation x) {
    for (std::size_t c = 0; c < scale.size(); ++c) {
      scale[c] = x.scale * quantised.scale[c];
      offset[c] = bias_for(bias[c] / scale[c] - static_cast<float>(x.zero_point) *
                                                    static_cast<float>(quantised.sum[c]),
                           scale[c]);
    }
  }
};

ByteLinear::ByteLinear(std::int64_t in, std::int64_t out, const float* weight, const float* bias)
    : ByteLinear(in, out, quantise_weights(weight, out, in), bias) {}

ByteLinear::ByteLinear(std::int64_t in, std::int64_t out, ByteWeights weights, const float* bias)
    : state_(new State(in, out, std::move(weights), bias)) {}

ByteLinear::ByteLinear(ByteLinear&&) noexcept = default;
ByteLinear& ByteLinear::operator=(ByteLinear&&) noexcept = default;
ByteLinear::~ByteLinear() = default;

bool ByteLinear::run(const std::uint8_t* x, Quantisation quantisation, std::int64_t rows,
                     float* out, const float* residual) {
  if (!multiplies_bytes()) return false;
  auto& s = *state_;
  const State::Key key = {rows, residual != nullptr, compute_threads()};
  const auto& prepared = s.cache.get(key, [&] { return s.prepare(key); });
  if (!prepared) return false;
  const auto& desc = prepared->desc;
  s.set_scales(quantisation);
  if (residual) copy_floats(residual, rows * s.out, out);
  const memory::desc scales({s.out}, memory::data_type::f32, memory::format_tag::a);
  execute(prepared->product,
          {{DNNL_ARG_SRC, at_address(desc.src_desc(), x)},
           {DNNL_ARG_WEIGHTS, s.weights.in(desc.weights_desc())},
           {DNNL_ARG_BIAS, at_address(desc.bias_desc(), s.offset.data())},
           {kScalesArgument, at_address(scales, s.scale.data())},
           {DNNL_ARG_DST, at_address(desc.dst_desc(), out)},
           {DNNL_ARG_SCRATCHPAD,
            at_address(desc.scratchpad_desc(), scratch(desc.scratchpad_desc().get_size()))}});
  return true;
}

double ByteLinear::weight_snr_db() const { return state_->quantised.snr_db; }
std::size_t ByteLinear::bytes() const { return state_->weights.bytes(); }

}  // namespace sumi
