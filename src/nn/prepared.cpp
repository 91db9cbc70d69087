#include "nn/prepared.h"

#include <fmt/format.h>

#include <cmath>

#include "core/mapped_pages.h"
#include "core/processor.h"
#include "core/stored_bytes.h"
#include "nn/in_place.h"
#include "nn/kernels/byte_layers.h"
#include "nn/kernels/packed_convolution.h"
#include "nn/kernels/packed_linear.h"
#include "nn/trace.h"

namespace sumi {
namespace {

constexpr std::int64_t kMeasuredRows = 256;         // of the first sample
constexpr std::int64_t kMeasuredSide = 24;          // pixels of the first sample's corner
constexpr std::int64_t kMeasuredWeights = 1 << 21;  // as floats at a time

const float* data_or_null(const Tensor& x) { return x.defined() ? x.data_ptr<float>() : nullptr; }

const float* offset(const float* data, std::int64_t elements) {
  return data ? data + elements : nullptr;
}

Tensor channels_last(const Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

/// An empty picture batch with the channels last in memory.
Tensor empty_pictures(const ImageSize& size, std::int64_t channels) {
  return at::empty(
      {size.batch, channels, size.height, size.width},
      torch::TensorOptions(torch::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
}

void describe(LayerCall* call, const ConvolutionShape& shape, const ImageSize& size, bool bytes) {
  if (!call) return;
  const auto made = shape.output(size);
  call->shape = fmt::format("{0}x{0} {1} -> {2}, {3} x {4} x {5}", shape.kernel, shape.in,
                            shape.out, size.batch, size.height, size.width);
  call->operations = 2.0 * static_cast<double>(made.pixels() * shape.in * shape.out) *
                     static_cast<double>(shape.kernel * shape.kernel);
  call->in_bytes = bytes;
  call->convolution = shape;
  call->size = size;
}

void describe(LayerCall* call, std::int64_t in, std::int64_t out, std::int64_t rows, bool bytes) {
  if (!call) return;
  call->shape = fmt::format("{} -> {}, {} rows", in, out, rows);
  call->operations = 2.0 * static_cast<double>(in * out) * static_cast<double>(rows);
  call->in_bytes = bytes;
  call->convolution = {in, out, 1, 1, {0, 0, 0, 0}};
  call->size = {1, 1, rows};
}

/// Of one picture of the bytes.
ByteImage picture(const Activations& x, std::int64_t sample) {
  const auto height = x.bytes.size(1), width = x.bytes.size(2), channels = x.bytes.size(3);
  const Border& b = x.border;
  return {x.bytes.data_ptr<std::uint8_t>() + sample * height * width * channels,
          1,
          height - b.top - b.bottom,
          width - b.left - b.right,
          channels,
          b};
}

}  // namespace

bool kernels_take(const Tensor& x) {
  return !torch::GradMode::is_enabled() && x.is_cpu() && x.scalar_type() == torch::kFloat &&
         x.numel() > 0 && processor().avx2;
}

PictureInput picture_input(const Tensor& x) {
  return {.sources = {{{x.data_ptr<float>(), x.size(1)}, {}}},
          .size = {x.size(0), x.size(2), x.size(3)}};
}

Activations to_bytes(const Tensor& x) {
  const Tensor numbers = x.contiguous();
  const auto samples = numbers.size(0), width = numbers.size(-1);
  const auto rows = numbers.numel() / samples / width;
  Tensor bytes = at::empty(numbers.sizes(), torch::kByte);
  std::vector<Quantisation> scales;
  for (std::int64_t i = 0; i < samples; ++i)
    scales.push_back(quantise(numbers.data_ptr<float>() + i * rows * width, rows, width,
                              bytes.data_ptr<std::uint8_t>() + i * rows * width));
  return {std::move(bytes), std::move(scales)};
}

Activations picture_to_bytes(const Tensor& x, const Border& border) {
  const Tensor numbers = channels_last(x);
  const auto samples = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
  Activations result(at::empty({samples, border.top + height + border.bottom,
                                border.left + width + border.right, channels},
                               torch::kByte),
                     {}, border);
  for (std::int64_t i = 0; i < samples; ++i)
    result.scales.push_back(
        quantise(numbers.data_ptr<float>() + i * height * width * channels, picture(result, i)));
  return result;
}

bool PreparedParameters::wants_bytes() const {
  return weight_->precision == Precision::int8 && accurate_ && multiplies_bytes();
}

bool PreparedParameters::wants_words() const { return weight_->precision == Precision::int16; }

bool PreparedParameters::exchanged() {
  const Tensor& value = weight_->value;
  const auto version = value.is_inference() ? 0 : value._version();
  if (value.data_ptr() == made_from_ && version == version_) return false;
  made_from_ = value.data_ptr();
  version_ = version;
  measured_ = false;
  accurate_ = true;
  return true;
}

void PreparedParameters::release() const {
  release_mapped_pages(weight_->value.data_ptr(), weight_->value.nbytes());
}

Tensor PreparedParameters::channels(std::int64_t first, std::int64_t count) const {
  const Tensor some = weight_->value.narrow(0, first, count);
  return stored_as_bytes() ? multiplied_out(some, weight_->scale.narrow(0, first, count))
                           : some.to(torch::kFloat).contiguous();
}

ByteWeights PreparedParameters::byte_weights() const {
  const auto out = size(0), inner = weight_->value.numel() / out;
  if (stored_as_bytes())
    return stored_weights(weight_->value.data_ptr<std::int8_t>(), weight_->scale.data_ptr<float>(),
                          out, inner);
  Tensor piece;
  return quantise_weights(
      [&](std::int64_t first, std::int64_t count) {
        piece = channels(first, count);
        return static_cast<const float*>(piece.data_ptr<float>());
      },
      out, inner);
}

void PreparedParameters::judge(const Exact& exact, const Coded& coded) {
  const auto out = size(0), inner = weight_->value.numel() / out;
  const auto at_once = std::max<std::int64_t>(kMeasuredWeights / inner, 1);
  const Tensor bias = bias_value();
  double error = 0, power = 0;
  for (std::int64_t first = 0; first < out; first += at_once) {
    const auto count = std::min(at_once, out - first);
    const Tensor right =
        exact(channels(first, count), bias.defined() ? bias.narrow(0, first, count) : bias);
    error += (right - coded(first, count)).square().sum().item<double>();
    power += right.square().sum().item<double>();
  }
  release();
  weight_->int8_snr_db = error > 0 && power > 0 ? 10 * std::log10(power / error) : 99;
  measured_ = true;
  accurate_ = weight_->int8_snr_db >= kLowestInt8Snr_db;
}

PreparedLinear::PreparedLinear(std::shared_ptr<Parameter> weight, std::shared_ptr<Parameter> bias)
    : PreparedParameters(std::move(weight), std::move(bias)) {}

PreparedLinear::~PreparedLinear() = default;

void PreparedLinear::let_go() { packed_.reset(), bytes_.reset(); }

std::uint64_t PreparedLinear::layout_bytes() const {
  if (bytes_) return bytes_->bytes();
  if (packed_) return packed_->bytes();
  return static_cast<std::uint64_t>(size(0) * size(1)) * (wants_bytes() ? 1 : sizeof(float));
}

Tensor PreparedLinear::run(const Activations& x, const Tensor& residual) {
  if (exchanged()) let_go();
  const Tensor added = residual.defined() ? residual.contiguous() : residual;
  if (!wants_bytes()) bytes_.reset();
  if (!wants_bytes()) return run_float(x.values.contiguous(), added);
  packed_.reset();
  if (x.bytes.defined()) return run_bytes(x, added);
  const Tensor out = run_bytes(to_bytes(x.values), added);
  if (out.defined() && stored_as_bytes()) trust_stored();
  if (measured() || !out.defined()) return out;
  measure(x.values.contiguous(), out, added);
  if (wants_bytes()) return out;
  bytes_.reset();
  return run_float(x.values.contiguous(), added);
}

Tensor PreparedLinear::run_float(const Tensor& x, const Tensor& residual) {
  const auto in = size(1), out_width = size(0);
  if (!packed_)
    lay_out([&](const float* weight, const float* bias) {
      packed_ = std::make_unique<PackedLinear>(in, out_width, weight, bias);
    });
  TracedCall traced(LayerCall::Kind::linear);
  describe(traced.description(), in, out_width, x.numel() / in, false);
  auto shape = x.sizes().vec();
  shape.back() = out_width;
  Tensor out = at::empty(shape, x.options());
  const bool done = packed_->run(x.data_ptr<float>(), x.numel() / in, out.data_ptr<float>(),
                                 data_or_null(residual));
  return done ? out : Tensor();
}

Tensor PreparedLinear::run_bytes(const Activations& x, const Tensor& residual) {
  const auto in = size(1), out_width = size(0);
  if (!bytes_)
    lay_out_bytes([&](ByteWeights weights, const float* bias) {
      bytes_ = std::make_unique<ByteLinear>(in, out_width, std::move(weights), bias);
    });
  TracedCall traced(LayerCall::Kind::linear);
  describe(traced.description(), in, out_width, x.bytes.numel() / in, true);
  auto shape = x.bytes.sizes().vec();
  shape.back() = out_width;
  Tensor out = at::empty(shape, torch::kFloat);
  const auto samples = static_cast<std::int64_t>(x.scales.size());
  const auto rows = x.bytes.numel() / samples / in;
  for (std::int64_t i = 0; i < samples; ++i) {
    const auto first = i * rows * out_width;
    if (!bytes_->run(x.bytes.data_ptr<std::uint8_t>() + i * rows * in,
                     x.scales[static_cast<std::size_t>(i)], rows, out.data_ptr<float>() + first,
                     offset(data_or_null(residual), first)))
      return {};
  }
  return out;
}

void PreparedLinear::measure(const Tensor& x, const Tensor& out, const Tensor& residual) {
  const auto some = [](const Tensor& t) {
    const auto rows = t.reshape({-1, t.size(-1)});
    return rows.narrow(0, 0, std::min(rows.size(0), kMeasuredRows));
  };
  const Tensor from = some(x);
  const Tensor made = residual.defined() ? some(out) - some(residual) : some(out);
  judge([&](const Tensor& weight,
            const Tensor& bias) { return at::linear(from, weight.flatten(1), bias); },
        [&](std::int64_t first, std::int64_t count) { return made.narrow(1, first, count); });
}

PreparedConvolution::PreparedConvolution(const ConvolutionShape& shape,
                                         std::shared_ptr<Parameter> weight,
                                         std::shared_ptr<Parameter> bias)
    : PreparedParameters(std::move(weight), std::move(bias)), shape_(shape) {}

PreparedConvolution::~PreparedConvolution() = default;

void PreparedConvolution::let_go() { packed_.reset(), bytes_.reset(); }

std::uint64_t PreparedConvolution::layout_bytes() const {
  if (bytes_) return bytes_->bytes();
  if (packed_) return packed_->bytes();
  const auto weights =
      static_cast<std::uint64_t>(shape_.in * shape_.out * shape_.kernel * shape_.kernel);
  return wants_bytes() ? weights : PackedConvolution::bytes_for(shape_, {.words = wants_words()});
}

Tensor PreparedConvolution::run(const Activations& x, Tensor&& residual) {
  if (exchanged()) let_go();
  if (!wants_bytes()) {
    const Tensor values = channels_last(x.values);
    return run(picture_input(values), std::move(residual));
  }
  packed_.reset();
  const Tensor added = residual.defined() ? channels_last(residual) : residual;
  if (x.bytes.defined()) return run_bytes(x, added);
  const Tensor out = run_bytes(picture_to_bytes(x.values, shape_.padding), added);
  if (out.defined() && stored_as_bytes()) trust_stored();
  if (measured() || !out.defined()) return out;
  measure(x.values, out, added);
  if (wants_bytes()) return out;
  const Tensor values = channels_last(x.values);
  return run(picture_input(values), std::move(residual));
}

Tensor PreparedConvolution::run(const PictureInput& x, Tensor&& residual) {
  if (exchanged()) let_go();
  bytes_.reset();
  if (residual.defined()) residual = channels_last(residual);
  return run_float(x, std::move(residual));
}

Tensor PreparedConvolution::run_in_place(const Tensor& x) {
  if (exchanged()) let_go();
  const bool smaller = shape_.pointwise() && shape_.out <= shape_.in;
  if (!smaller || !takes_numbers() || !may_be_overwritten(x)) return {};
  lay_out_floats();
  const ImageSize size = {x.size(0), x.size(2), x.size(3)};
  TracedCall traced(LayerCall::Kind::convolution);
  describe(traced.description(), shape_, size, false);
  if (!packed_->run_in_place(x.data_ptr<float>(), size.pixels())) return {};
  const auto row = size.width * shape_.out;
  // Not a view, which would hold on to x.
  return at::empty({0}, x.options())
      .set_(x.storage(), x.storage_offset(), {size.batch, shape_.out, size.height, size.width},
            {size.height * row, 1, row, shape_.out});
}

void PreparedConvolution::lay_out_floats() {
  const bool words = wants_words();
  if (packed_ && packed_words_ == words) return;
  packed_words_ = words;
  lay_out([&](const float* weight, const float* bias) {
    packed_ = std::make_unique<PackedConvolution>(shape_, weight, bias,
                                                  PackedConvolution::Options{.words = words});
  });
}

Tensor PreparedConvolution::run_float(const PictureInput& x, Tensor&& residual) {
  const bool once = convolves_once(shape_, x.size);
  if (!once) lay_out_floats();
  TracedCall traced(LayerCall::Kind::convolution);
  describe(traced.description(), shape_, x.size, false);
  Tensor out =
      may_be_overwritten(residual) ? residual : empty_pictures(shape_.output(x.size), shape_.out);
  const auto* added = data_or_null(residual);
  if (once) {
    lay_out([&](const float* weight, const float* bias) {
      convolve_once(shape_, weight, bias, x, out.data_ptr<float>(), added, wants_words());
    });
    return out;
  }
  return packed_->run(x, out.data_ptr<float>(), added) ? out : Tensor();
}

Tensor PreparedConvolution::run_bytes(const Activations& x, const Tensor& residual) {
  if (!bytes_)
    lay_out_bytes([&](ByteWeights weights, const float* bias) {
      bytes_ = std::make_unique<ByteConvolution>(shape_, std::move(weights), bias);
    });
  const auto samples = static_cast<std::int64_t>(x.scales.size());
  const ByteImage first = picture(x, 0);
  TracedCall traced(LayerCall::Kind::convolution);
  describe(traced.description(), shape_, {samples, first.height, first.width}, true);
  Tensor out = empty_pictures(shape_.output({samples, first.height, first.width}), shape_.out);
  const auto elements = out.numel() / samples;
  for (std::int64_t i = 0; i < samples; ++i)
    if (!bytes_->run(picture(x, i), x.scales[static_cast<std::size_t>(i)],
                     out.data_ptr<float>() + i * elements,
                     offset(data_or_null(residual), i * elements)))
      return {};
  return out;
}

/// On a corner of the first picture, where its outputs see nothing beyond the corner.
void PreparedConvolution::measure(const Tensor& x, const Tensor& out, const Tensor& residual) {
  const auto height = std::min(x.size(2), kMeasuredSide),
             width = std::min(x.size(3), kMeasuredSide);
  const auto outputs = [&](std::int64_t side, std::int64_t whole, int before, int after) {
    return (side + before + (side == whole ? after : 0) - shape_.kernel) / shape_.stride + 1;
  };
  const Border& pad = shape_.padding;
  const auto rows = outputs(height, x.size(2), pad.top, pad.bottom);
  const auto columns = outputs(width, x.size(3), pad.left, pad.right);
  const auto corner = [&](const Tensor& t) {
    return t.narrow(0, 0, 1).narrow(2, 0, rows).narrow(3, 0, columns);
  };
  const Tensor padded =
      at::constant_pad_nd(x.narrow(0, 0, 1).narrow(2, 0, height).narrow(3, 0, width),
                          {pad.left, pad.right, pad.top, pad.bottom});
  const Tensor made = residual.defined() ? corner(out) - corner(residual) : corner(out);
  judge([&](const Tensor& weight,
            const Tensor& bias) { return corner(at::conv2d(padded, weight, bias, shape_.stride)); },
        [&](std::int64_t first, std::int64_t count) { return made.narrow(1, first, count); });
}

}  // namespace sumi
