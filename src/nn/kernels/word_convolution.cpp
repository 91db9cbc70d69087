#include "nn/kernels/word_convolution.h"

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "nn/kernels/winograd.h"
#include "nn/kernels/winograd_run.h"

namespace sumi {
namespace {

constexpr int kTile = 4;

/// Of weights in words, whose inputs stand in pairs.
WinogradLayout layout_of(std::int64_t in, std::int64_t out) {
  return {divided(in, 2) * 2, out, kTile};
}

std::int64_t panel_floats(const WinogradLayout& layout) {
  return layout.frequencies * layout.in * kWinogradPanel;
}

/// `floats`: panel_floats() for each thread.
void transform_weights(const WinogradLayout& layout, std::int64_t in, const float* weight,
                       float* floats, std::int16_t* to, float* gains) {
#pragma omp parallel for schedule(dynamic) num_threads(compute_threads())
  for (std::int64_t panel = 0; panel < layout.panels(); ++panel) {
#if defined(_OPENMP)
    auto* mine = floats + omp_get_thread_num() * panel_floats(layout);
#else
    auto* mine = floats;
#endif
    const auto first = panel * kWinogradPanel;
    word_loops()->weights(weight + first * in * 9, in, layout.outputs(panel), layout.width(panel),
                          mine, to + layout.start(panel), layout.stride(panel), gains + first);
  }
}

std::size_t staging_bytes(const WinogradLayout& layout) {
  return static_cast<std::size_t>(panel_floats(layout) * compute_threads()) * sizeof(float);
}

std::size_t words_bytes(const WinogradLayout& layout) {
  return static_cast<std::size_t>(divided(layout.size(), 32) * 32) * sizeof(std::int16_t);
}

}  // namespace

WordConvolution::WordConvolution(std::int64_t in, std::int64_t out, const float* weight,
                                 const float* bias)
    : in_(in), out_(out), gains_(static_cast<std::size_t>(out)), bias_(bias_or_zeros(bias, out)) {
  const auto layout = layout_of(in, out);
  weights_ = AlignedFloats(words_bytes(layout) / sizeof(float));
  transform_weights(layout, in, weight, static_cast<float*>(scratch(staging_bytes(layout))),
                    reinterpret_cast<std::int16_t*>(weights_.data()), gains_.data());
}

bool WordConvolution::serves(const ConvolutionShape& shape) {
  return word_loops() && WinogradConvolution::serves(shape);
}

std::size_t WordConvolution::bytes_for(const ConvolutionShape& shape) {
  return words_bytes(layout_of(shape.in, shape.out));
}

void WordConvolution::run(const PictureInput& x, float* out, const float* residual) const {
  const auto layout = layout_of(in_, out_);
  WinogradRun<std::int16_t> run(layout, kTile, x, residual, out);
  run.run({reinterpret_cast<const std::int16_t*>(weights_.data()), gains_.data(), bias_.data()},
          scratch(run.scratch_bytes()));
}

void WordConvolution::run_once(std::int64_t in, std::int64_t out, const float* weight,
                               const float* bias, const PictureInput& x, float* result,
                               const float* residual) {
  const auto layout = layout_of(in, out);
  const auto offsets = bias_or_zeros(bias, out);
  std::vector<float> gains(static_cast<std::size_t>(out));
  WinogradRun<std::int16_t> run(layout, kTile, x, residual, result);
  const auto room = words_bytes(layout);
  auto* memory =
      static_cast<char*>(scratch(room + std::max(staging_bytes(layout), run.scratch_bytes())));
  auto* words = reinterpret_cast<std::int16_t*>(memory);
  transform_weights(layout, in, weight, reinterpret_cast<float*>(memory + room), words,
                    gains.data());
  run.run({words, gains.data(), offsets.data()}, memory + room);
}

}  // namespace sumi
