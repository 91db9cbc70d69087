#include "nn/kernels/trained_products.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "nn/kernels/aligned_memory.h"
#include "nn/kernels/onednn.h"
#include "nn/kernels/onednn_version.h"
#include "nn/kernels/winograd.h"

namespace sumi {
namespace {

using dnnl::memory;
using tag = memory::format_tag;

memory::data_type type_of(Factors factors) {
  return factors == Factors::bf16 ? memory::data_type::bf16 : memory::data_type::f32;
}

/// Scratch memory is ours; the result may be added to what is there.
dnnl::primitive_attr attributes_of(bool adds) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (!adds) return attributes;
  dnnl::post_ops after;
  after.append_sum(1);
  attributes.set_post_ops(after);
  return attributes;
}

/// Things made once for each key and kept for the process, for all of its threads. Nothing is
/// kept of what cannot be made but that.
template <class Key, class Value>
class Made {
 public:
  template <class Make>
  std::shared_ptr<const Value> get(const Key& key, const Make& make) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = values_.find(key);
    if (found != values_.end()) return found->second;
    if (values_.size() >= kMost) values_.clear();
    return values_[key] = made(make);
  }

 private:
  static constexpr std::size_t kMost = 1024;

  template <class Make>
  static std::shared_ptr<const Value> made(const Make& make) {
    try {
      return std::make_shared<const Value>(make());
    } catch (const dnnl::error&) {
      return nullptr;
    }
  }

  std::mutex mutex_;
  std::map<Key, std::shared_ptr<const Value>> values_;
};

/// A primitive with the description it was made of.
template <class Primitive>
struct Described {
  typename Primitive::primitive_desc desc;
  Primitive primitive;

  explicit Described(typename Primitive::primitive_desc of)
      : desc(std::move(of)), primitive(desc) {}
  void run(std::unordered_map<int, memory> arguments) const {
    const auto wanted = desc.scratchpad_desc();
    arguments.insert({DNNL_ARG_SCRATCHPAD, at_address(wanted, scratch(wanted.get_size()))});
    execute(primitive, arguments);
  }
};

/// Where the calling thread has weights in another layout, beside scratch(): valid until the next
/// call.
void* relaid_room(std::size_t bytes) {
  thread_local AlignedFloats block;
  if (block.bytes() < bytes) {
    block = {};
    block = AlignedFloats((bytes + sizeof(float) - 1) / sizeof(float));
  }
  return block.data();
}

/// From one layout or type to another; none where both are the same.
class Relaid {
 public:
  Relaid(const memory::desc& from, const memory::desc& to) : from_(from), to_(to) {
    if (from_ != to_)
      reorder_ = dnnl::reorder(dnnl::reorder::primitive_desc(cpu_engine(), from, cpu_engine(), to));
  }
  bool needed() const { return from_ != to_; }
  void run(const memory& from, const memory& to) const {
    execute(reorder_, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
  }
  memory source(const void* data) const { return at_address(from_, data); }
  memory target(const void* data) const { return at_address(to_, data); }
  /// `data` laid out anew in relaid_room(), or as it is.
  memory of(const void* data) const {
    const memory given = at_address(from_, data);
    if (!needed()) return given;
    const memory made = at_address(to_, relaid_room(to_.get_size()));
    run(given, made);
    return made;
  }

 private:
  memory::desc from_, to_;
  dnnl::reorder reorder_;
};

using Forward = dnnl::convolution_forward;
using ToInput = dnnl::convolution_backward_data;
using ToWeight = dnnl::convolution_backward_weights;

/// What describes a convolution in all of its directions.
struct Descriptions {
  memory::desc x, made_x, y, made_y, weight, made_weight, plain_weight, bias;
  memory::dims stride, before, after;

  Descriptions(const TrainedConvolution& c) {
    const auto& s = c.shape;
    const auto to = s.output(c.size);
    const auto type = type_of(c.factors);
    const memory::dims input = {c.size.batch, s.in, c.size.height, c.size.width};
    const memory::dims output = {to.batch, s.out, to.height, to.width};
    const memory::dims kernel = {s.out, s.in, s.kernel, s.kernel};
    x = {input, type, tag::nhwc};
    made_x = {input, memory::data_type::f32, tag::nhwc};
    y = {output, type, tag::nhwc};
    made_y = {output, memory::data_type::f32, tag::nhwc};
    weight = {kernel, type, tag::any};
    made_weight = {kernel, memory::data_type::f32, tag::any};
    plain_weight = {kernel, memory::data_type::f32, tag::oihw};
    bias = {{s.out}, memory::data_type::f32, tag::a};
    stride = {s.stride, s.stride};
    before = {s.padding.top, s.padding.left};
    after = {s.padding.bottom, s.padding.right};
  }

  Forward::primitive_desc forward(bool biased, bool adds) const {
    constexpr auto direct = dnnl::algorithm::convolution_direct;
    constexpr auto kind = dnnl::prop_kind::forward_training;
    const auto attributes = attributes_of(adds);
    return biased ? describe<Forward>(cpu_engine(), attributes, kind, direct, x, weight, bias,
                                      made_y, stride, before, after)
                  : describe<Forward>(cpu_engine(), attributes, kind, direct, x, weight, made_y,
                                      stride, before, after);
  }
};

struct ConvolutionForward {
  Described<Forward> product;
  Relaid weight;

  ConvolutionForward(const Descriptions& d, bool biased, bool adds)
      : product(d.forward(biased, adds)), weight(d.plain_weight, product.desc.weights_desc()) {}
};

/// oneDNN 2 and 3 describe a way back with the way there as a hint.
template <class Primitive, class... Parts>
typename Primitive::primitive_desc describe_back(const Forward::primitive_desc& hint,
                                                 const Parts&... parts) {
#if DNNL_VERSION_MAJOR >= 3
  return {cpu_engine(), dnnl::algorithm::convolution_direct, parts..., hint, attributes_of(false)};
#else
  return {typename Primitive::desc(dnnl::algorithm::convolution_direct, parts...),
          attributes_of(false), cpu_engine(), hint};
#endif
}

struct ConvolutionToInput {
  Described<ToInput> product;
  Relaid weight;

  explicit ConvolutionToInput(const Descriptions& d)
      : product(describe_back<ToInput>(d.forward(false, false), d.made_x, d.weight, d.y, d.stride,
                                       d.before, d.after)),
        weight(d.plain_weight, product.desc.weights_desc()) {}
};

struct ConvolutionToWeight {
  Described<ToWeight> product;
  Relaid weight;

  explicit ConvolutionToWeight(const Descriptions& d)
      : product(describe_back<ToWeight>(d.forward(false, false), d.x, d.made_weight, d.y, d.stride,
                                        d.before, d.after)),
        weight(product.desc.diff_weights_desc(), d.plain_weight) {}
};

using ConvolutionKey = std::array<std::int64_t, 15>;

ConvolutionKey key_of(const TrainedConvolution& c, bool biased, bool adds) {
  const auto& [top, bottom, left, right] = c.shape.padding;
  return {c.shape.in,     c.shape.out,  c.shape.kernel,
          c.shape.stride, top,          bottom,
          left,           right,        c.size.batch,
          c.size.height,  c.size.width, static_cast<std::int64_t>(c.factors),
          biased,         adds,         compute_threads()};
}

/// The primitives of one direction; nothing where this processor has none.
template <class Direction, class... Options>
std::shared_ptr<const Direction> made(const TrainedConvolution& c, bool biased, bool adds,
                                      Options... options) {
  static Made<ConvolutionKey, Direction> all;
  return all.get(key_of(c, biased, adds), [&] { return Direction(Descriptions(c), options...); });
}

std::shared_ptr<const ConvolutionForward> forward_of(const TrainedConvolution& c, bool biased,
                                                     bool adds) {
  return made<ConvolutionForward>(c, biased, adds, biased, adds);
}

/// Pixels of a side of Winograd's tiles.
constexpr int kTile = 4;

PictureInput pictures(const void* x, std::int64_t channels, const ImageSize& size) {
  return {.sources = {{{static_cast<const float*>(x), channels}, {}}}, .size = size};
}

/// Kernels [out, in, 3, 3] -> [in, out, 3, 3], each from its end to its start: what the gradient to
/// the input is a convolution with.
std::vector<float> turned_around(const float* weight, std::int64_t in, std::int64_t out) {
  constexpr std::int64_t kTaps = 9;
  std::vector<float> turned(static_cast<std::size_t>(in * out * kTaps));
#pragma omp parallel for if (in * out > 1000)
  for (std::int64_t i = 0; i < in; ++i)
    for (std::int64_t o = 0; o < out; ++o) {
      const float* from = weight + (o * in + i) * kTaps;
      std::reverse_copy(from, from + kTaps,
                        turned.begin() + static_cast<std::ptrdiff_t>((i * out + o) * kTaps));
    }
  return turned;
}

using Product = Described<dnnl::matmul>;

/// Null where this processor has none.
std::shared_ptr<const Product> product_of(const TrainedProduct& p, bool turned_a, bool turned_b,
                                          bool biased, bool adds) {
  using Key = std::array<std::int64_t, 9>;
  static Made<Key, Product> all;
  const Key key = {p.rows,           p.inner,  p.columns, static_cast<std::int64_t>(p.factors),
                   turned_a,         turned_b, biased,    adds,
                   compute_threads()};
  return all.get(key, [&] {
    const auto layout = [](bool turned) { return turned ? tag::ba : tag::ab; };
    const memory::desc a({p.rows, p.inner}, type_of(p.factors), layout(turned_a));
    const memory::desc b({p.inner, p.columns}, type_of(p.factors), layout(turned_b));
    const memory::desc bias({1, p.columns}, memory::data_type::f32, tag::ab);
    const memory::desc made({p.rows, p.columns}, memory::data_type::f32, tag::ab);
    const auto attributes = attributes_of(adds);
    return Product(biased ? describe<dnnl::matmul>(cpu_engine(), attributes, a, b, bias, made)
                          : describe<dnnl::matmul>(cpu_engine(), attributes, a, b, made));
  });
}

}  // namespace

bool TrainedConvolution::by_winograd() const {
  // Transforming the weights costs the products of some 30 tiles; few channels do not fill them.
  constexpr std::int64_t kLeastTiles = 96, kLeastChannels = 24;
  constexpr std::size_t kMostBytes = std::size_t{40} << 20;
  if (factors != Factors::fp32 || !WinogradConvolution::serves(shape)) return false;
  if (std::min(shape.in, shape.out) < kLeastChannels) return false;
  const auto tiles = WinogradConvolution::tiles_of(size, kTile);
  const bool filled = tiles * kTile * kTile <= 2 * size.pixels();
  return tiles >= kLeastTiles && filled &&
         WinogradConvolution::bytes_for(shape, kTile) <= kMostBytes;
}

bool TrainedConvolution::runs() const {
  if (!made<ConvolutionToWeight>(*this, false, false)) return false;
  if (by_winograd()) return true;
  return forward_of(*this, true, false) && forward_of(*this, true, true) &&
         made<ConvolutionToInput>(*this, false, false);
}

void TrainedConvolution::forward(const void* x, const float* weight, const float* bias, bool adds,
                                 float* out) const {
  if (by_winograd())
    return WinogradConvolution::run_once(shape.in, shape.out, weight, bias, kTile,
                                         pictures(x, shape.in, size), out, adds ? out : nullptr);
  const auto way = forward_of(*this, bias != nullptr, adds);
  const auto& desc = way->product.desc;
  std::unordered_map<int, memory> arguments = {{DNNL_ARG_SRC, at_address(desc.src_desc(), x)},
                                               {DNNL_ARG_WEIGHTS, way->weight.of(weight)},
                                               {DNNL_ARG_DST, at_address(desc.dst_desc(), out)}};
  if (bias) arguments.insert({DNNL_ARG_BIAS, at_address(desc.bias_desc(), bias)});
  way->product.run(std::move(arguments));
}

void TrainedConvolution::to_input(const void* gradient, const float* weight, float* out) const {
  if (by_winograd()) {
    const auto turned = turned_around(weight, shape.in, shape.out);
    return WinogradConvolution::run_once(shape.out, shape.in, turned.data(), nullptr, kTile,
                                         pictures(gradient, shape.out, size), out, nullptr);
  }
  const auto way = made<ConvolutionToInput>(*this, false, false);
  const auto& desc = way->product.desc;
  way->product.run({{DNNL_ARG_DIFF_DST, at_address(desc.diff_dst_desc(), gradient)},
                    {DNNL_ARG_WEIGHTS, way->weight.of(weight)},
                    {DNNL_ARG_DIFF_SRC, at_address(desc.diff_src_desc(), out)}});
}

void TrainedConvolution::to_weight(const void* x, const void* gradient, float* out) const {
  const auto way = made<ConvolutionToWeight>(*this, false, false);
  const auto& desc = way->product.desc;
  const memory plain = at_address(desc.diff_weights_desc(), out);
  const memory blocked = way->weight.needed()
                             ? way->weight.source(relaid_room(desc.diff_weights_desc().get_size()))
                             : plain;
  way->product.run({{DNNL_ARG_SRC, at_address(desc.src_desc(), x)},
                    {DNNL_ARG_DIFF_DST, at_address(desc.diff_dst_desc(), gradient)},
                    {DNNL_ARG_DIFF_WEIGHTS, blocked}});
  if (way->weight.needed()) way->weight.run(blocked, way->weight.target(out));
}

void TrainedProduct::run(const Factor& a, const Factor& b, const float* bias, bool adds,
                         float* out) const {
  const auto way = product_of(*this, a.turned, b.turned, bias != nullptr, adds);
  const auto& desc = way->desc;
  std::unordered_map<int, memory> arguments = {
      {DNNL_ARG_SRC, at_address(desc.src_desc(), a.data)},
      {DNNL_ARG_WEIGHTS, at_address(desc.weights_desc(), b.data)},
      {DNNL_ARG_DST, at_address(desc.dst_desc(), out)}};
  if (bias) arguments.insert({DNNL_ARG_BIAS, at_address(desc.bias_desc(), bias)});
  way->run(std::move(arguments));
}

bool multiplies(Factors factors) {
  return product_of({16, 16, 16, factors}, false, false, false, false) != nullptr;
}

}  // namespace sumi
