// What `sumi eval` computes of pictures: Inception's features, and the Fréchet distance in so many.
// OMP_NUM_THREADS=1 features tells it for one core; on a shared machine look at the CPU times.

#include <ATen/CPUGeneratorImpl.h>
#include <benchmark/benchmark.h>

#include "models/inception.h"
#include "training/distances.h"

namespace sumi {
namespace {

/// Argument: side of the pictures.
void inception(benchmark::State& state) {
  const torch::NoGradGuard no_grad;
  constexpr std::int64_t kBatch = 16;
  Inception network(InceptionKind::tensorflow_2015);
  initialise(network, 1);
  network.fold();
  const auto pictures = torch::rand({kBatch, 3, state.range(0), state.range(0)}) * 2 - 1;
  for (auto _ : state) benchmark::DoNotOptimize(network.features(pictures));
  state.SetItemsProcessed(state.iterations() * kBatch);
}

Tensor features(std::int64_t pictures, std::int64_t width, std::uint64_t seed) {
  const auto generator = at::detail::createCPUGenerator(seed);
  return at::randn({pictures, width}, generator, torch::kDouble).clamp_min(-0.3);
}

/// Arguments: pictures of either set, features of each.
void frechet(benchmark::State& state) {
  const auto a = features(state.range(0), state.range(1), 1);
  const auto b = features(state.range(0), state.range(1), 2);
  for (auto _ : state) benchmark::DoNotOptimize(frechet_distance(a, b));
}

void extrapolated(benchmark::State& state) {
  const auto a = features(state.range(0), state.range(1), 1);
  const auto b = features(state.range(0), state.range(1), 2);
  for (auto _ : state) benchmark::DoNotOptimize(extrapolated_frechet(a, b, 0));
}

BENCHMARK(inception)->ArgName("side")->Arg(128)->Arg(512)->Unit(benchmark::kMillisecond);
BENCHMARK(frechet)
    ->ArgNames({"pictures", "features"})
    ->Args({512, 128})
    ->Args({2049, 2048})
    ->Args({5000, 2048})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(extrapolated)
    ->ArgNames({"pictures", "features"})
    ->Args({2049, 2048})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sumi

BENCHMARK_MAIN();
