#include "nn/layers.h"

#include <cmath>

#include "core/stored_bytes.h"
#include "nn/bf16_products.h"
#include "nn/in_place.h"
#include "nn/trace.h"
#include "nn/trained.h"

namespace sumi {
namespace {

/// LibTorch's start for Linear and Conv2d (Kaiming uniform with a = sqrt 5, and its bias): both are
/// uniform within 1 / sqrt(fan in).
Init fan_in_uniform(std::int64_t fan_in) {
  return Init::uniform(1.0 / std::sqrt(static_cast<double>(fan_in)));
}

const Tensor& value_or_none(const std::shared_ptr<Parameter>& slot) {
  static const Tensor none;
  return slot ? slot->value : none;
}

/// A weight as `x` needs it; one that was bound as stored is converted once and for all.
const Tensor& value_like(Parameter& slot, const Tensor& x) {
  if (slot.scale.defined()) {
    slot.value = multiplied_out(slot.value, slot.scale);
    slot.scale = Tensor();
  }
  if (slot.laid_out && slot.value.scalar_type() != x.scalar_type() && !slot.value.requires_grad())
    slot.value = slot.value.to(x.scalar_type());
  return slot.value;
}

/// Without keeping the layer alive, which keeps the parameter alive.
template <class Prepared>
std::function<void()> letting_go(const std::shared_ptr<Prepared>& prepared) {
  return [layer = std::weak_ptr<Prepared>(prepared)] {
    if (const auto alive = layer.lock()) alive->let_go();
  };
}

template <class Prepared>
std::function<std::uint64_t()> telling_bytes(const std::shared_ptr<Prepared>& prepared) {
  return [layer = std::weak_ptr<Prepared>(prepared)] {
    const auto alive = layer.lock();
    return alive ? alive->layout_bytes() : 0;
  };
}

Tensor plus(Tensor x, const Tensor& residual) {
  return residual.defined() ? add_to(std::move(x), residual) : x;
}

bool trains_in_bf16(const Tensor& x) {
  return Bf16Products::are_on() && torch::GradMode::is_enabled() &&
         x.scalar_type() == torch::kFloat;
}

/// A weight as [out, in], whether or not it is stored as a convolution's.
Tensor matrix_of(const Tensor& weight) { return weight.dim() == 2 ? weight : weight.flatten(1); }

Tensor channels_last(const Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

}  // namespace

Linear::Linear(std::int64_t in, std::int64_t out, Options options) {
  const auto init = fan_in_uniform(in);
  auto shape = std::vector<std::int64_t>{out, in};
  if (options.as_convolution) shape.insert(shape.end(), {1, 1});
  weight_ = parameter("weight", shape, init);
  weight_->laid_out = true;
  if (options.bias) bias_ = parameter("bias", {out}, init);
  prepared_ = std::make_shared<PreparedLinear>(weight_, bias_);
  weight_->let_go = letting_go(prepared_);
  weight_->layout_bytes = telling_bytes(prepared_);
}

Linear Linear::start_at_zero() && {
  weight_->init = Init::constant(0);
  if (bias_) bias_->init = Init::constant(0);
  return *this;
}

Linear Linear::start_normal(double deviation) && {
  weight_->init = Init::normal(deviation);
  if (bias_) bias_->init = Init::constant(0);
  return *this;
}

Tensor Linear::forward(const Activations& x, const Tensor& residual) const {
  if (x.bytes.defined() || kernels_take(x.values))
    if (Tensor out = prepared_->run(x, residual); out.defined()) return out;
  const Tensor matrix = matrix_of(value_like(*weight_, x.values));
  const auto product = [](const Tensor& input, const Tensor& factors, const Tensor& bias) {
    return at::linear(input, factors, bias);
  };
  const Tensor& bias = value_or_none(bias_);
  if (Tensor out = trained_linear(x.values, matrix, bias, residual); out.defined()) return out;
  return plus(trains_in_bf16(x.values) ? in_bf16(product, x.values, matrix, bias)
                                       : product(x.values, matrix, bias),
              residual);
}

Tensor Linear::train_gated(const Tensor& x, const Tensor& residual) const {
  return trained_gated_linear(x, matrix_of(value_like(*weight_, x)), value_or_none(bias_),
                              residual);
}

Conv2d::Conv2d(std::int64_t in, std::int64_t out, Options options) : options_(options) {
  const auto init = fan_in_uniform(in * options.kernel * options.kernel);
  weight_ = parameter("weight", {out, in, options.kernel, options.kernel}, init);
  weight_->laid_out = true;
  if (options.bias) bias_ = parameter("bias", {out}, init);
  const int pad = static_cast<int>(options.padding);
  prepared_ = std::make_shared<PreparedConvolution>(
      ConvolutionShape{in, out, options.kernel, options.stride, {pad, pad, pad, pad}}, weight_,
      bias_);
  weight_->let_go = letting_go(prepared_);
  weight_->layout_bytes = telling_bytes(prepared_);
}

Conv2d Conv2d::start_at_zero() && {
  weight_->init = Init::constant(0);
  if (bias_) bias_->init = Init::constant(0);
  return *this;
}

Tensor Conv2d::forward(const Activations& x, Tensor residual) const {
  if (x.bytes.defined() || kernels_take(x.values))
    if (Tensor out = prepared_->run(x, std::move(residual)); out.defined()) return out;
  const auto product = [this](const Tensor& input, const Tensor& kernel, const Tensor& bias) {
    return at::conv2d(input, kernel, bias, options_.stride, options_.padding);
  };
  const Tensor& weight = value_like(*weight_, x.values);
  const Tensor& bias = value_or_none(bias_);
  if (Tensor out = trained_convolution(x.values, weight, bias, prepared_->shape(), residual);
      out.defined())
    return out;
  return plus(trains_in_bf16(x.values) ? in_bf16(product, x.values, weight, bias)
                                       : product(x.values, weight, bias),
              residual);
}

Tensor Conv2d::train(const Tensor& x, const NormBefore& norm, const Tensor& residual) const {
  return trained_convolution(x, norm, value_like(*weight_, x), value_or_none(bias_),
                             prepared_->shape(), residual);
}

Tensor Conv2d::forward_in_place(Tensor x) const {
  constexpr std::size_t kLarge = std::size_t{64} << 20;
  if (kernels_take(x) && x.nbytes() >= kLarge && x.is_contiguous(at::MemoryFormat::ChannelsLast))
    if (Tensor out = prepared_->run_in_place(x); out.defined()) return out;
  return forward(x);
}

GroupNorm::GroupNorm(std::int64_t groups, std::int64_t channels, double epsilon)
    : weight_(parameter("weight", {channels}, Init::constant(1))),
      bias_(parameter("bias", {channels}, Init::constant(0))),
      groups_(groups),
      epsilon_(epsilon) {}

Tensor GroupNorm::forward(const Tensor& x) const {
  if (x.dim() == 4 && kernels_take(x)) return by_kernel(x, {}, false);
  if (Tensor out = trained_group_norm(x, before({}, false)); out.defined()) return out;
  return at::group_norm(x, groups_, weight_->value, bias_->value, epsilon_);
}

Tensor GroupNorm::forward_silu(const Tensor& x, const Tensor& shift) const {
  if (kernels_take(x)) return by_kernel(x, shift, true);
  if (Tensor out = trained_group_norm(x, before(shift, true)); out.defined()) return out;
  const Tensor shifted = shift.defined() ? x + shift.unsqueeze(-1).unsqueeze(-1) : x;
  return apply_silu(at::group_norm(shifted, groups_, weight_->value, bias_->value, epsilon_));
}

NormBefore GroupNorm::before(const Tensor& shift, bool silu) const {
  return {weight_->value, bias_->value, shift, groups_, epsilon_, silu};
}

/// Over samples `first` to `first + count - 1` of x, channels last; shift is contiguous.
GroupNormTask GroupNorm::task(const Tensor& x, std::int64_t first, std::int64_t count,
                              const Tensor& shift, bool silu) const {
  const auto channels = x.size(1), pixels = x.size(2) * x.size(3);
  return {.sources = {{{x.data_ptr<float>() + first * pixels * channels, channels}, {}}},
          .batch = count,
          .pixels = pixels,
          .shift = shift.defined() ? shift.data_ptr<float>() + first * channels : nullptr,
          .weight = weight_->value.data_ptr<float>(),
          .bias = bias_->value.data_ptr<float>(),
          .groups = groups_,
          .epsilon = epsilon_,
          .silu = silu};
}

GroupNormScales GroupNorm::scales(const Tensor& x, const Tensor& shift) const {
  const TracedCall traced(LayerCall::Kind::norm);
  const Tensor moved = shift.defined() ? shift.contiguous() : shift;
  return group_norm_scales(task(x, 0, x.size(0), moved, true));
}

Tensor GroupNorm::by_kernel(const Tensor& x, const Tensor& shift, bool silu) const {
  const TracedCall traced(LayerCall::Kind::norm);
  const Tensor from = channels_last(x), moved = shift.defined() ? shift.contiguous() : shift;
  Tensor out = at::empty_like(from);
  group_norm(task(from, 0, from.size(0), moved, silu), out.data_ptr<float>());
  return out;
}

Activations GroupNorm::to_bytes(const Tensor& x, const Tensor& shift, bool silu,
                                const Border& border) const {
  const TracedCall traced(LayerCall::Kind::norm);
  const Tensor from = channels_last(x), moved = shift.defined() ? shift.contiguous() : shift;
  const auto samples = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
  Tensor bytes = at::empty(
      {samples, border.top + height + border.bottom, border.left + width + border.right, channels},
      torch::kByte);
  std::vector<Quantisation> scales;
  for (std::int64_t i = 0; i < samples; ++i)
    scales.push_back(group_norm_to_bytes(
        task(from, i, 1, moved, silu),
        {bytes[i].data_ptr<std::uint8_t>(), 1, height, width, channels, border}));
  return {std::move(bytes), std::move(scales), border};
}

LayerNorm::LayerNorm(std::int64_t width, double epsilon)
    : weight_(parameter("weight", {width}, Init::constant(1))),
      bias_(parameter("bias", {width}, Init::constant(0))),
      epsilon_(epsilon) {}

Tensor LayerNorm::forward(const Tensor& x) const {
  if (kernels_take(x)) {
    const TracedCall traced(LayerCall::Kind::norm);
    const Tensor from = x.contiguous();
    Tensor out = at::empty_like(from);
    layer_norm({from.data_ptr<float>(), from.numel() / from.size(-1), from.size(-1),
                weight_->value.data_ptr<float>(), bias_->value.data_ptr<float>(), epsilon_},
               out.data_ptr<float>());
    return out;
  }
  if (Tensor out = trained_layer_norm(x, weight_->value, bias_->value, epsilon_); out.defined())
    return out;
  return at::layer_norm(x, weight_->shape, weight_->value, bias_->value, epsilon_);
}

Activations LayerNorm::to_bytes(const Tensor& x) const {
  const TracedCall traced(LayerCall::Kind::norm);
  const Tensor from = x.contiguous();
  const auto samples = from.size(0), width = from.size(-1), rows = from.numel() / samples / width;
  Tensor bytes = at::empty(from.sizes(), torch::kByte);
  std::vector<Quantisation> scales;
  for (std::int64_t i = 0; i < samples; ++i)
    scales.push_back(layer_norm_to_bytes(
        {from.data_ptr<float>() + i * rows * width, rows, width, weight_->value.data_ptr<float>(),
         bias_->value.data_ptr<float>(), epsilon_},
        bytes.data_ptr<std::uint8_t>() + i * rows * width));
  return {std::move(bytes), std::move(scales)};
}

Embedding::Embedding(std::int64_t rows, std::int64_t width, double deviation)
    : weight_(parameter("weight", {rows, width}, Init::normal(deviation))) {
  weight_->laid_out = true;
}

Tensor Embedding::forward(const Tensor& ids) const {
  const Tensor rows = at::embedding(weight_->value, ids);
  return weight_->as_stored ? rows.to(torch::kFloat) : rows;
}

}  // namespace sumi
