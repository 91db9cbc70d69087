#include "nn/fused.h"

#include <algorithm>

#include "nn/kernels/norms.h"
#include "nn/kernels/quantisation.h"
#include "nn/trained.h"

namespace sumi {

namespace {

Tensor channels_last(const Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

/// x: channels last.
Activations enlarged_bytes(const Tensor& x, std::int64_t height, std::int64_t width,
                           const Border& border) {
  const auto samples = x.size(0), channels = x.size(1), pixels = x.size(2) * x.size(3);
  Tensor bytes = at::empty(
      {samples, border.top + height + border.bottom, border.left + width + border.right, channels},
      torch::kByte);
  std::vector<Quantisation> scales;
  for (std::int64_t i = 0; i < samples; ++i)
    scales.push_back(
        quantise_enlarged(x.data_ptr<float>() + i * pixels * channels, x.size(2), x.size(3),
                          {bytes[i].data_ptr<std::uint8_t>(), 1, height, width, channels, border}));
  return {std::move(bytes), std::move(scales), border};
}

}  // namespace

Tensor convolve_normed(const GroupNorm& norm, const Conv2d& conv, const Tensor& x,
                       const Tensor& shift, Tensor residual) {
  if (kernels_take(x) && conv.takes_bytes())
    return conv.forward(norm.to_bytes(x, shift, /*silu=*/true, conv.padding()),
                        std::move(residual));
  if (kernels_take(x) && conv.takes_numbers()) {
    const Tensor from = channels_last(x);
    const auto scales = norm.scales(from, shift);
    auto input = picture_input(from);
    input.scale = scales.scale.data();
    input.shift = scales.shift.data();
    input.silu = true;
    if (Tensor out = conv.forward(input, std::move(residual)); out.defined()) return out;
  }
  if (Tensor out = conv.train(x, norm.before(shift, /*silu=*/true), residual); out.defined())
    return out;
  return conv.forward(norm.forward_silu(x, shift), std::move(residual));
}

Tensor convolve_enlarged(const Conv2d& conv, const Tensor& x, std::int64_t height,
                         std::int64_t width) {
  if (!kernels_take(x)) return conv.forward(at::upsample_nearest2d(x, {height, width}));
  const Tensor from = channels_last(x);
  if (conv.takes_bytes()) return conv.forward(enlarged_bytes(from, height, width, conv.padding()));
  if (conv.takes_numbers()) {
    auto input = picture_input(from);
    input.size.height = height;
    input.size.width = width;
    input.from_height = x.size(2);
    input.from_width = x.size(3);
    if (Tensor out = conv.forward(input, Tensor()); out.defined()) return out;
  }
  return conv.forward(at::upsample_nearest2d(from, {height, width}));
}

Activations normed_for(const LayerNorm& norm, const Tensor& x,
                       std::initializer_list<const Linear*> readers) {
  const bool bytes = kernels_take(x) && std::all_of(readers.begin(), readers.end(),
                                                    [](auto* r) { return r->takes_bytes(); });
  return bytes ? norm.to_bytes(x) : Activations(norm.forward(x));
}

Activations gated_for(Tensor x, const Linear& reader) {
  if (!kernels_take(x)) {
    const auto halves = x.chunk(2, -1);
    return halves[0] * at::gelu(halves[1]);
  }
  x = x.contiguous();
  auto shape = x.sizes().vec();
  const auto width = shape.back() /= 2;
  const auto samples = x.size(0), rows = x.numel() / 2 / width / samples;
  if (!reader.takes_bytes()) {
    Tensor out = at::empty(shape, x.options());
    geglu(x.data_ptr<float>(), samples * rows, width, out.data_ptr<float>());
    return out;
  }
  Tensor bytes = at::empty(shape, torch::kByte);
  std::vector<Quantisation> scales;
  for (std::int64_t i = 0; i < samples; ++i)
    scales.push_back(geglu_to_bytes(x.data_ptr<float>() + i * rows * 2 * width, rows, width,
                                    bytes.data_ptr<std::uint8_t>() + i * rows * width));
  return {std::move(bytes), std::move(scales)};
}

Tensor gated_linear(const Linear& reader, Tensor x, const Tensor& residual) {
  if (Tensor out = reader.train_gated(x, residual); out.defined()) return out;
  return reader.forward(gated_for(std::move(x), reader), residual);
}

}  // namespace sumi
