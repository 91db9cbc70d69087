#include "training/bootstrap.h"

#include <numeric>

#include "data/random.h"
#include "training/identification.h"

namespace sumi {
namespace {

constexpr double kNormal95 = 1.959963985;
constexpr std::uint64_t kResampling = 0xb007, kDrawing = 0xd4a3;

}  // namespace

Tensor resampled_counts(std::int64_t count, int repeats, std::uint64_t seed) {
  Tensor counts = at::zeros({repeats, count}, torch::kDouble);
  for (int repeat = 0; repeat < repeats; ++repeat) {
    Random random(seed, kResampling, static_cast<std::uint64_t>(repeat));
    auto* row = counts.data_ptr<double>() + repeat * count;
    for (std::int64_t i = 0; i < count; ++i)
      row[random.below(static_cast<std::size_t>(count))] += 1;
  }
  return counts;
}

Tensor drawn_without_repeats(std::int64_t count, std::int64_t among, std::uint64_t seed,
                             std::uint64_t draw) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(among));
  std::iota(order.begin(), order.end(), 0);
  Random random(seed, kDrawing, draw);
  for (std::int64_t i = 0; i < count; ++i)
    std::swap(order[i], order[i + random.below(static_cast<std::size_t>(among - i))]);
  order.resize(static_cast<std::size_t>(count));
  return at::tensor(order, torch::kLong);
}

Estimate with_deviation(double value, double deviation) {
  return {value, value - kNormal95 * deviation, value + kNormal95 * deviation};
}

Estimate with_interval(double value, const Tensor& resampled) {
  return with_deviation(value, resampled.std(/*unbiased=*/true).item<double>());
}

Estimate mean_with_interval(const Tensor& values, int repeats, std::uint64_t seed) {
  const Tensor counts = resampled_counts(values.size(0), repeats, seed);
  return with_interval(values.mean().item<double>(), counts.mv(values) / values.size(0));
}

Estimate rate_with_interval(std::int64_t hits, std::int64_t trials) {
  const auto [low, high] = wilson_interval(static_cast<int>(hits), static_cast<int>(trials));
  return {static_cast<double>(hits) / static_cast<double>(trials), low, high};
}

}  // namespace sumi
