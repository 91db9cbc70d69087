#include "training/neighbours.h"

#include <algorithm>

namespace sumi {
namespace {

/// Euclidean distances [N, M] in float64.
Tensor distances(const Tensor& a, const Tensor& b) {
  return at::cdist(a.to(torch::kDouble), b.to(torch::kDouble));
}

/// [centres, points]: whether a point is within the ball around a centre.
Tensor inside(const Tensor& centres, const Tensor& points, const Tensor& radii) {
  return distances(centres, points).le(radii.unsqueeze(1));
}

/// The rate of `true` in a row of booleans.
Estimate rate(const Tensor& flags) {
  return rate_with_interval(flags.sum().item<std::int64_t>(), flags.numel());
}

}  // namespace

Tensor neighbour_radii(const Tensor& features, int k) {
  Tensor apart = distances(features, features);
  // A row is not its own neighbour, wherever rounding puts its distance from itself.
  apart.diagonal().fill_(-1);
  return std::get<0>(apart.kthvalue(k + 1, 1));
}

Agreement agreement(const Tensor& generated, const Tensor& real, const AgreementOptions& options,
                    int repeats, std::uint64_t seed) {
  const int k = options.precision_neighbours, wide = options.density_neighbours;
  Agreement result;
  result.precision = rate(inside(real, generated, neighbour_radii(real, k)).any(0));
  result.recall = rate(inside(generated, real, neighbour_radii(generated, k)).any(0));
  const Tensor held = inside(real, generated, neighbour_radii(real, wide));
  result.coverage = rate(held.any(1));
  result.density = mean_with_interval(held.sum(0).to(torch::kDouble) / wide, repeats, seed);
  return result;
}

Nearest nearest_rows(const Tensor& from, const Tensor& among) {
  const auto [distance, index] = distances(from, among).min(1);
  const auto count = static_cast<std::size_t>(from.size(0));
  const auto* far = distance.data_ptr<double>();
  const auto* which = index.data_ptr<std::int64_t>();
  return {{which, which + count}, {far, far + count}};
}

Memorisation memorisation(const Tensor& pictures, const Tensor& training, const Tensor& held_out) {
  Memorisation result;
  result.training = nearest_rows(pictures, training);
  const auto unseen = nearest_rows(pictures, held_out);
  int nearer = 0;
  for (std::size_t i = 0; i < unseen.distance.size(); ++i) {
    // A picture that is in both sets says nothing of memorisation.
    const double learned = result.training.distance[i], other = unseen.distance[i];
    result.ratio.push_back(other > 0 ? learned / other : learned > 0 ? learned / 1e-12 : 1);
    nearer += result.ratio.back() < 1 ? 1 : 0;
  }
  auto sorted = result.ratio;
  std::sort(sorted.begin(), sorted.end());
  const auto count = sorted.size();
  result.smallest_ratio = sorted.front();
  result.median_ratio = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
  result.nearer_to_training = rate_with_interval(nearer, static_cast<std::int64_t>(count));
  return result;
}

}  // namespace sumi
