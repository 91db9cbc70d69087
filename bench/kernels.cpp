// Kernels in the shapes of Stable Diffusion 1.5 at 512 x 512 with guidance (a batch of 2).
// kernels --benchmark_format=json gives one JSON object.

#include <benchmark/benchmark.h>

#include "nn/attention.h"
#include "nn/layers.h"

namespace sumi {
namespace {

constexpr std::int64_t kBatch = 2;

void count_work(benchmark::State& state, double operations) {
  state.counters["FLOP/s"] = benchmark::Counter(
      operations, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

/// Arguments: channels in, channels out, side, kernel.
void convolution(benchmark::State& state) {
  const torch::NoGradGuard no_grad;
  const auto in = state.range(0), out = state.range(1), side = state.range(2),
             kernel = state.range(3);
  Conv2d layer(in, out, {.kernel = kernel, .padding = kernel / 2});
  initialise(layer, 1);
  const auto x = torch::randn({kBatch, in, side, side}).contiguous(at::MemoryFormat::ChannelsLast);
  for (auto _ : state) benchmark::DoNotOptimize(layer.forward(x));
  count_work(state, 2.0 * kBatch * side * side * in * out * kernel * kernel);
}

/// Arguments: width in, width out, rows.
void linear(benchmark::State& state) {
  const torch::NoGradGuard no_grad;
  Linear layer(state.range(0), state.range(1));
  initialise(layer, 1);
  const auto x = torch::randn({kBatch, state.range(2), state.range(0)});
  for (auto _ : state) benchmark::DoNotOptimize(layer.forward(x));
  count_work(state, 2.0 * kBatch * state.range(0) * state.range(1) * state.range(2));
}

/// Arguments: queries, keys, width of a head, precision (0: fp32, 1: int16, 2: int8); 8 heads.
void attend(benchmark::State& state) {
  const torch::NoGradGuard no_grad;
  constexpr std::int64_t kHeads = 8;
  const auto width = kHeads * state.range(2);
  const auto q = torch::randn({kBatch, state.range(0), width});
  const auto k = torch::randn({kBatch, state.range(1), width});
  const auto v = torch::randn({kBatch, state.range(1), width});
  const AttentionOptions options{.precision = static_cast<AttentionPrecision>(state.range(3))};
  for (auto _ : state) benchmark::DoNotOptimize(attention(q, k, v, kHeads, options));
  count_work(state, 4.0 * kBatch * state.range(0) * state.range(1) * width);
}

BENCHMARK(convolution)
    ->ArgNames({"in", "out", "side", "kernel"})
    ->Args({320, 320, 64, 3})
    ->Args({640, 640, 32, 3})
    ->Args({1280, 1280, 16, 3})
    ->Args({2560, 1280, 8, 3})
    ->Args({960, 320, 64, 1})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(linear)
    ->ArgNames({"in", "out", "rows"})
    ->Args({320, 320, 4096})
    ->Args({320, 2560, 4096})
    ->Args({640, 5120, 1024})
    ->Args({1280, 10240, 256})
    ->Args({768, 320, 77})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(attend)
    ->ArgNames({"queries", "keys", "width", "precision"})
    ->ArgsProduct({{4096}, {4096, 77}, {40}, {0, 1, 2}})
    ->ArgsProduct({{1024}, {1024}, {80}, {0, 1, 2}})
    ->ArgsProduct({{256}, {256}, {160}, {0, 1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sumi

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  sumi::start_torch({});
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
