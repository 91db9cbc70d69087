#include "nn/kernels/packed_linear.h"

#include <array>

#include "nn/kernels/onednn.h"
#include "nn/kernels/post_ops.h"

namespace sumi {

using dnnl::memory;
using Product = dnnl::inner_product_forward;

struct PackedLinear::State {
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
  Activation activation;
  PackedWeights weights;
  std::vector<float> bias;
  PreparedCache<Key, Prepared> cache;

  Prepared prepare(const Key& key) const {
    using enum memory::data_type;
    using tag = memory::format_tag;
    const memory::desc x({key.rows, in}, f32, tag::ab), y({key.rows, out}, f32, tag::ab);
    const memory::desc weight({out, in}, f32, tag::any), offset({out}, f32, tag::a);
    const auto desc = describe<Product>(cpu_engine(), float_attributes(activation, key.adds),
                                        dnnl::prop_kind::forward_inference, x, weight, offset, y);
    return {desc, Product(desc)};
  }
};

PackedLinear::PackedLinear(std::int64_t in, std::int64_t out, const float* weight,
                           const float* bias, Activation activation)
    : state_(new State{
          in,
          out,
          activation,
          PackedWeights({{out, in}, memory::data_type::f32, memory::format_tag::ab}, weight),
          std::vector<float>(static_cast<std::size_t>(out)),
          {}}) {
  if (bias) state_->bias.assign(bias, bias + out);
}

PackedLinear::PackedLinear(PackedLinear&&) noexcept = default;
PackedLinear& PackedLinear::operator=(PackedLinear&&) noexcept = default;
PackedLinear::~PackedLinear() = default;

bool PackedLinear::run(const float* x, std::int64_t rows, float* out, const float* residual) {
  auto& s = *state_;
  const State::Key key = {rows, residual != nullptr, compute_threads()};
  const auto& prepared = s.cache.get(key, [&] { return s.prepare(key); });
  if (!prepared) return false;
  const auto& desc = prepared->desc;
  if (residual) copy_floats(residual, rows * s.out, out);
  execute(prepared->product,
          {{DNNL_ARG_SRC, at_address(desc.src_desc(), x)},
           {DNNL_ARG_WEIGHTS, s.weights.in(desc.weights_desc())},
           {DNNL_ARG_BIAS, at_address(desc.bias_desc(), s.bias.data())},
           {DNNL_ARG_DST, at_address(desc.dst_desc(), out)},
           {DNNL_ARG_SCRATCHPAD,
            at_address(desc.scratchpad_desc(), scratch(desc.scratchpad_desc().get_size()))}});
  return true;
}

std::size_t PackedLinear::bytes() const { return state_->weights.bytes(); }

}  // namespace sumi
