#include "nn/kernels/winograd.h"

#include "nn/kernels/winograd_run.h"

namespace sumi {
namespace {

void transform_weights(const WinogradLayout& layout, const float* weight, int tile, float* to) {
  constexpr std::int64_t kRun = 32;
  const auto runs = divided(layout.in, kRun);
#pragma omp parallel for collapse(2) if (layout.in * layout.out > 1000)
  for (std::int64_t panel = 0; panel < layout.panels(); ++panel)
    for (std::int64_t run = 0; run < runs; ++run)
      winograd_loops(tile).weights(weight + panel * kWinogradPanel * layout.in * 9, layout.in,
                                   run * kRun, std::min(layout.in, (run + 1) * kRun),
                                   layout.outputs(panel), layout.width(panel),
                                   to + layout.start(panel), layout.stride(panel));
}

}  // namespace

WinogradConvolution::WinogradConvolution(std::int64_t in, std::int64_t out, const float* weight,
                                         const float* bias, int tile)
    : in_(in), out_(out), tile_(tile), bias_(bias_or_zeros(bias, out)) {
  const WinogradLayout layout(in, out, tile);
  weights_ = AlignedFloats(static_cast<std::size_t>(layout.size()));
  transform_weights(layout, weight, tile, weights_.data());
}

bool WinogradConvolution::serves(const ConvolutionShape& s) {
  const auto& p = s.padding;
  return s.kernel == 3 && s.stride == 1 && p.top == 1 && p.left == 1 && p.bottom == 1 &&
         p.right == 1;
}

std::size_t WinogradConvolution::bytes_for(const ConvolutionShape& shape, int tile) {
  return static_cast<std::size_t>(WinogradLayout(shape.in, shape.out, tile).size()) * sizeof(float);
}

std::int64_t WinogradConvolution::tiles_of(const ImageSize& size, int tile) {
  return size.batch * divided(size.height, tile) * divided(size.width, tile);
}

void WinogradConvolution::run(const PictureInput& x, float* out, const float* residual) const {
  const WinogradLayout layout(in_, out_, tile_);
  WinogradRun<float> run(layout, tile_, x, residual, out);
  run.run({weights_.data(), nullptr, bias_.data()}, scratch(run.scratch_bytes()));
}

void WinogradConvolution::run_once(std::int64_t in, std::int64_t out, const float* weight,
                                   const float* bias, int tile, const PictureInput& x,
                                   float* result, const float* residual) {
  const WinogradLayout layout(in, out, tile);
  const auto offsets = bias_or_zeros(bias, out);
  const auto room = divided(layout.size(), 16) * 16;
  WinogradRun<float> run(layout, tile, x, residual, result);
  auto* weights = static_cast<float*>(
      scratch(static_cast<std::size_t>(room) * sizeof(float) + run.scratch_bytes()));
  transform_weights(layout, weight, tile, weights);
  run.run({weights, nullptr, offsets.data()}, weights + room);
}

}  // namespace sumi
