// Convolutions, linear layers and norms: LibTorch's own, ours in float32, ours in bytes, in the
// shapes of Stable Diffusion 1.5 at 512 x 512 with guidance (a batch of 2) and of its decoder.
// On a shared machine, compare the smallest CPU times of interleaved repetitions on one thread:
// OMP_NUM_THREADS=1 products --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true

#include <benchmark/benchmark.h>
#include <omp.h>

#include <algorithm>

#include "core/tensor.h"
#include "nn/kernels/byte_layers.h"
#include "nn/kernels/norms.h"
#include "nn/kernels/packed_convolution.h"
#include "nn/kernels/packed_linear.h"

namespace sumi {
namespace {

enum Form : std::int64_t { plain, packed, bytes };

void count_work(benchmark::State& state, double operations) {
  state.counters["FLOP/s"] = benchmark::Counter(
      operations, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

Tensor pixels_last(const at::IntArrayRef shape) {
  return torch::randn(shape).contiguous(at::MemoryFormat::ChannelsLast);
}

ConvolutionShape shape_of(const benchmark::State& state) {
  const auto kernel = state.range(4), stride = state.range(5);
  const auto padding = static_cast<int>(kernel / 2);
  return {state.range(1), state.range(2), kernel, stride, {padding, padding, padding, padding}};
}

/// Arguments: form, channels in, channels out, side, kernel, stride, batch.
void convolution(benchmark::State& state) {
  const torch::NoGradGuard no_grad;
  const auto s = shape_of(state);
  const ImageSize size = {state.range(6), state.range(3), state.range(3)};
  const auto to = s.output(size);
  const auto x = pixels_last({size.batch, s.in, size.height, size.width});
  const auto weight = torch::randn({s.out, s.in, s.kernel, s.kernel}), bias = torch::randn(s.out);
  auto y = pixels_last({to.batch, s.out, to.height, to.width});
  ByteImage image = {nullptr, size.batch, size.height, size.width, s.in, s.padding};
  std::vector<std::uint8_t> storage(static_cast<std::size_t>(image.size()));
  image.data = storage.data();
  const auto quantisation = quantise(x.data_ptr<float>(), image);
  PackedConvolution floats(s, weight.data_ptr<float>(), bias.data_ptr<float>());
  ByteConvolution whole(s, weight.data_ptr<float>(), bias.data_ptr<float>());
  const auto kernel = weight.contiguous(at::MemoryFormat::ChannelsLast);
  bool ran = true;
  const auto step = [&] {
    switch (state.range(0)) {
      case plain:
        benchmark::DoNotOptimize(at::conv2d(x, kernel, bias, s.stride, s.padding.top));
        break;
      case packed:
        ran = floats.run(x.data_ptr<float>(), size, y.data_ptr<float>());
        break;
      case bytes:
        ran = whole.run(image, quantisation, y.data_ptr<float>());
        break;
    }
  };
  step();  // prepares weights and touches memory for the first time
  for (auto _ : state) step();
  if (!ran) state.SkipWithError("not on this processor");
  state.SetLabel(state.range(0) == packed ? floats.method() : "");
  count_work(state, 2.0 * static_cast<double>(to.pixels() * s.in * s.out * s.kernel * s.kernel));
}

/// Arguments: form, width in, width out, rows.
void linear(benchmark::State& state) {
  const torch::NoGradGuard no_grad;
  const auto in = state.range(1), out = state.range(2), rows = state.range(3);
  const auto x = torch::randn({rows, in}), weight = torch::randn({out, in}),
             bias = torch::randn(out);
  auto y = torch::empty({rows, out});
  std::vector<std::uint8_t> storage(static_cast<std::size_t>(rows * in));
  const auto quantisation = quantise(x.data_ptr<float>(), rows, in, storage.data());
  PackedLinear floats(in, out, weight.data_ptr<float>(), bias.data_ptr<float>());
  ByteLinear whole(in, out, weight.data_ptr<float>(), bias.data_ptr<float>());
  bool ran = true;
  const auto step = [&] {
    switch (state.range(0)) {
      case plain:
        benchmark::DoNotOptimize(at::linear(x, weight, bias));
        break;
      case packed:
        ran = floats.run(x.data_ptr<float>(), rows, y.data_ptr<float>());
        break;
      case bytes:
        ran = whole.run(storage.data(), quantisation, rows, y.data_ptr<float>());
        break;
    }
  };
  step();  // prepares weights and touches memory for the first time
  for (auto _ : state) step();
  if (!ran) state.SkipWithError("not on this processor");
  count_work(state, 2.0 * static_cast<double>(rows * in * out));
}

/// GroupNorm and SiLU. Arguments: form, channels, side, batch.
void group_norm_silu(benchmark::State& state) {
  const torch::NoGradGuard no_grad;
  const auto channels = state.range(1), side = state.range(2), batch = state.range(3);
  const auto x = pixels_last({batch, channels, side, side});
  const auto weight = torch::randn(channels), bias = torch::randn(channels);
  auto y = torch::empty_like(x);
  const GroupNormTask task = {.sources = {{{x.data_ptr<float>(), channels}, {}}},
                              .batch = batch,
                              .pixels = side * side,
                              .weight = weight.data_ptr<float>(),
                              .bias = bias.data_ptr<float>(),
                              .silu = true};
  ByteImage image = {nullptr, batch, side, side, channels, {1, 1, 1, 1}};
  std::vector<std::uint8_t> storage(static_cast<std::size_t>(image.size()));
  image.data = storage.data();
  const auto step = [&] {
    switch (state.range(0)) {
      case plain:
        benchmark::DoNotOptimize(at::silu(at::group_norm(x, 32, weight, bias, 1e-5)));
        break;
      case packed:
        group_norm(task, y.data_ptr<float>());
        break;
      case bytes:
        benchmark::DoNotOptimize(group_norm_to_bytes(task, image));
        break;
    }
  };
  step();  // prepares weights and touches memory for the first time
  for (auto _ : state) step();
  state.SetBytesProcessed(state.iterations() * x.numel() * 4);
}

/// Arguments: form, width of the result, rows.
void gated_gelu(benchmark::State& state) {
  const torch::NoGradGuard no_grad;
  const auto width = state.range(1), rows = state.range(2);
  auto x = torch::randn({rows, 2 * width});
  auto y = torch::empty({rows, width});
  std::vector<std::uint8_t> storage(static_cast<std::size_t>(rows * width));
  const auto step = [&] {
    switch (state.range(0)) {
      case plain: {
        const auto halves = x.chunk(2, -1);
        benchmark::DoNotOptimize(halves[0] * at::gelu(halves[1]));
        break;
      }
      case packed:
        geglu(x.data_ptr<float>(), rows, width, y.data_ptr<float>());
        break;
      case bytes:
        benchmark::DoNotOptimize(geglu_to_bytes(x.data_ptr<float>(), rows, width, storage.data()));
        break;
    }
  };
  step();  // prepares weights and touches memory for the first time
  for (auto _ : state) step();
  state.SetBytesProcessed(state.iterations() * x.numel() * 4);
}

double smallest(const std::vector<double>& times) {
  return *std::min_element(times.begin(), times.end());
}

/// Each shape in all three forms.
void in_all_forms(benchmark::internal::Benchmark* benchmark,
                  const std::vector<std::vector<std::int64_t>>& shapes) {
  for (const auto& shape : shapes)
    for (const auto form : {plain, packed, bytes}) {
      std::vector<std::int64_t> arguments = {form};
      arguments.insert(arguments.end(), shape.begin(), shape.end());
      benchmark->Args(arguments);
    }
  benchmark->UseRealTime()->Unit(benchmark::kMillisecond)->ComputeStatistics("min", smallest);
}

BENCHMARK(convolution)
    ->ArgNames({"form", "in", "out", "side", "kernel", "stride", "batch"})
    ->Apply([](auto* benchmark) {
      in_all_forms(benchmark, {{320, 320, 64, 3, 1, 2},
                               {640, 640, 32, 3, 1, 2},
                               {1280, 1280, 16, 3, 1, 2},
                               {1280, 1280, 8, 3, 1, 2},
                               {2560, 1280, 8, 3, 1, 2},
                               {960, 320, 64, 1, 1, 2},
                               {320, 320, 64, 3, 2, 2},
                               {512, 512, 64, 3, 1, 1},
                               {512, 512, 128, 3, 1, 1},
                               {256, 256, 256, 3, 1, 1},
                               {128, 128, 512, 3, 1, 1}});
    });
BENCHMARK(linear)->ArgNames({"form", "in", "out", "rows"})->Apply([](auto* benchmark) {
  in_all_forms(benchmark, {{320, 320, 8192},
                           {320, 2560, 8192},
                           {1280, 320, 8192},
                           {640, 5120, 2048},
                           {1280, 10240, 512}});
});
BENCHMARK(group_norm_silu)->ArgNames({"form", "channels", "side", "batch"})->Apply([](auto* b) {
  in_all_forms(b, {{320, 64, 2}, {960, 64, 2}, {1280, 16, 2}, {512, 128, 1}, {256, 256, 1}});
});
BENCHMARK(gated_gelu)->ArgNames({"form", "width", "rows"})->Apply([](auto* benchmark) {
  in_all_forms(benchmark, {{1280, 8192}, {5120, 512}});
});

}  // namespace
}  // namespace sumi

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  sumi::Runtime runtime;
  runtime.threads = omp_get_max_threads();
  sumi::start_torch(runtime);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
