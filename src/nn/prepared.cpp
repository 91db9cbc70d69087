#include "nn/prepared.h"

#include <fmt/format.h>

#include <cmath>

#include "core/files.h"
#include "core/processor.h"
#include "nn/kernels/byte_layers.h"
#include "nn/kernels/packed_convolution.h"
#include "nn/kernels/packed_linear.h"
#include "nn/trace.h"

namespace sumi {
namespace {

constexpr std::int64_t kMeasuredRows = 256;  // of the first sample
constexpr std::int64_t kMeasuredSide = 24;   // pixels of the first sample's corner

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

void PreparedParameters::judge(const Tensor& exact, const Tensor& coded) {
  const double error = (exact - coded).square().sum().item<double>();
  const double power = exact.square().sum().item<double>();
  weight_->int8_snr_db = error > 0 && power > 0 ? 10 * std::log10(power / error) : 99;
  measured_ = true;
  accurate_ = weight_->int8_snr_db >= kLowestInt8Snr_db;
}

PreparedLinear::PreparedLinear(std::shared_ptr<Parameter> weight, std::shared_ptr<Parameter> bias)
    : PreparedParameters(std::move(weight), std::move(bias)) {}

PreparedLinear::~PreparedLinear() = default;

void PreparedLinear::let_go() { packed_.reset(), bytes_.reset(); }

Tensor PreparedLinear::run(const Activations& x, const Tensor& residual) {
  if (exchanged()) let_go();
  const Tensor added = residual.defined() ? residual.contiguous() : residual;
  if (!wants_bytes()) bytes_.reset();
  if (!wants_bytes()) return run_float(x.values.contiguous(), added);
  packed_.reset();
  if (x.bytes.defined()) return run_bytes(x, added);
  const Tensor out = run_bytes(to_bytes(x.values), added);
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
    lay_out([&](const float* weight, const float* bias) {
      bytes_ = std::make_unique<ByteLinear>(in, out_width, weight, bias);
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
  const Tensor exact = at::linear(some(x), weight_value().flatten(1), bias_value());
  judge(exact, residual.defined() ? some(out) - some(residual) : some(out));
}

PreparedConvolution::PreparedConvolution(const ConvolutionShape& shape,
                                         std::shared_ptr<Parameter> weight,
                                         std::shared_ptr<Parameter> bias)
    : PreparedParameters(std::move(weight), std::move(bias)), shape_(shape) {}

PreparedConvolution::~PreparedConvolution() = default;

void PreparedConvolution::let_go() { packed_.reset(), bytes_.reset(); }

Tensor PreparedConvolution::run(const Activations& x, const Tensor& residual) {
  if (exchanged()) let_go();
  const Tensor added = residual.defined() ? channels_last(residual) : residual;
  if (!wants_bytes()) bytes_.reset();
  if (!wants_bytes()) return run_float(channels_last(x.values), added);
  packed_.reset();
  if (x.bytes.defined()) return run_bytes(x, added);
  const Tensor out = run_bytes(picture_to_bytes(x.values, shape_.padding), added);
  if (measured() || !out.defined()) return out;
  measure(x.values, out, added);
  if (wants_bytes()) return out;
  bytes_.reset();
  return run_float(channels_last(x.values), added);
}

Tensor PreparedConvolution::run_float(const Tensor& x, const Tensor& residual) {
  if (!packed_)
    lay_out([&](const float* weight, const float* bias) {
      packed_ = std::make_unique<PackedConvolution>(shape_, weight, bias);
    });
  const ImageSize size = {x.size(0), x.size(2), x.size(3)};
  TracedCall traced(LayerCall::Kind::convolution);
  describe(traced.description(), shape_, size, false);
  Tensor out = empty_pictures(shape_.output(size), shape_.out);
  const bool done =
      packed_->run(x.data_ptr<float>(), size, out.data_ptr<float>(), data_or_null(residual));
  return done ? out : Tensor();
}

Tensor PreparedConvolution::run_bytes(const Activations& x, const Tensor& residual) {
  if (!bytes_)
    lay_out([&](const float* weight, const float* bias) {
      bytes_ = std::make_unique<ByteConvolution>(shape_, weight, bias);
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
  const Tensor exact = at::conv2d(padded, weight_value(), bias_value(), shape_.stride);
  judge(corner(exact), residual.defined() ? corner(out) - corner(residual) : corner(out));
}

}  // namespace sumi
