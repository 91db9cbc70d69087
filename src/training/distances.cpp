#include "training/distances.h"

#include <algorithm>
#include <cmath>

namespace sumi {
namespace {

constexpr int kExtrapolationPoints = 16;

Tensor as_double(const Tensor& features) { return features.to(torch::kDouble).contiguous(); }

/// Features less their mean: centred / sqrt(N - 1) = turned * root, where the columns of `turned`
/// are orthonormal.
struct Factored {
  Gaussian gaussian;
  Tensor centred;  ///< [N, D]
  Tensor turned;   ///< [N, K]; undefined: the identity
};

/// QR decomposition, with `turned` left out unless wanted.
Factored factored(const Tensor& features, bool turned) {
  const Tensor rows = as_double(features);
  const Tensor mean = rows.mean(0), centred = rows - mean;
  const Tensor scaled = centred / std::sqrt(static_cast<double>(rows.size(0) - 1));
  if (rows.size(0) <= rows.size(1)) return {{mean, scaled}, centred, {}};
  auto [q, r] = at::linalg_qr(scaled, turned ? "reduced" : "r");
  return {{mean, r}, centred, turned ? q : Tensor()};
}

/// Without the part of the cross term: |mean_a - mean_b|^2 + tr A + tr B.
double separate_part(const Gaussian& a, const Gaussian& b) {
  return ((a.mean - b.mean).square().sum() + a.root.square().sum() + b.root.square().sum())
      .item<double>();
}

/// Variance of the distance because of one set's pictures. What the distance gains as picture x
/// weighs more is |c|^2 + 2 c . gap - c^T T c, where c is x less the mean, `gap` the set's mean
/// less the other's and T the transport map between the Gaussians. With the singular vectors V of
/// this set's side and the singular values s, c^T T c = (N - 1) |s^(1/2) V^T q|^2, q its row of
/// `turned`.
double variance_from(const Factored& set, const Tensor& gap, const Tensor& vectors,
                     const Tensor& values) {
  const auto count = static_cast<double>(set.centred.size(0));
  const Tensor along = set.turned.defined() ? set.turned.mm(vectors) : vectors;
  const Tensor gain = set.centred.square().sum(1) + 2 * set.centred.mv(gap) -
                      (count - 1) * along.square().mv(values);
  return gain.var(/*unbiased=*/false).item<double>() / count;
}

Tensor unit_rows(const Tensor& features) {
  return features / features.norm(2, 1, /*keepdim=*/true).clamp_min(1e-12);
}

template <class Kernel>
KernelMatrices matrices(const Tensor& a, const Tensor& b, Kernel&& kernel) {
  return {kernel(a, a), kernel(b, b), kernel(a, b)};
}

Tensor without_diagonal(const Tensor& square) {
  Tensor copy = square.clone();
  copy.diagonal().zero_();
  return copy;
}

/// Mean of the kernel over the pairs of different pictures, once for each row of counts [R, N].
Tensor mean_of_pairs(const Tensor& off_diagonal, const Tensor& counts) {
  const Tensor sum = (counts.mm(off_diagonal) * counts).sum(1);
  return sum / (counts.sum(1).square() - counts.square().sum(1));
}

/// The squared discrepancy for each row of counts, [R, N] and [R, M].
Tensor resampled_mmd(const KernelMatrices& kernel, const Tensor& in_a, const Tensor& in_b) {
  const Tensor between = (in_a.mm(kernel.ab) * in_b).sum(1) / (in_a.sum(1) * in_b.sum(1));
  return mean_of_pairs(without_diagonal(kernel.aa), in_a) +
         mean_of_pairs(without_diagonal(kernel.bb), in_b) - 2 * between;
}

KernelMatrices part_of(const KernelMatrices& kernel, const Tensor& in_a, const Tensor& in_b) {
  return {kernel.aa.index_select(0, in_a).index_select(1, in_a),
          kernel.bb.index_select(0, in_b).index_select(1, in_b),
          kernel.ab.index_select(0, in_a).index_select(1, in_b)};
}

/// Where the least-squares line through (x, y) meets x = 0.
double intercept(const std::vector<double>& x, const std::vector<double>& y) {
  const auto count = static_cast<double>(x.size());
  double mean_x = 0, mean_y = 0, xx = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) mean_x += x[i] / count, mean_y += y[i] / count;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  return mean_y - xy / xx * mean_x;
}

}  // namespace

Gaussian gaussian_of(const Tensor& features) { return factored(features, false).gaussian; }

double frechet_distance(const Gaussian& a, const Gaussian& b) {
  const Tensor shared = at::linalg_svdvals(a.root.mm(b.root.t()));
  return std::max(0.0, separate_part(a, b) - 2 * shared.sum().item<double>());
}

Estimate frechet_distance(const Tensor& a, const Tensor& b) {
  const auto first = factored(a, true), second = factored(b, true);
  const auto [left, values, right] =
      at::linalg_svd(first.gaussian.root.mm(second.gaussian.root.t()), /*full_matrices=*/false);
  const double distance =
      separate_part(first.gaussian, second.gaussian) - 2 * values.sum().item<double>();
  const Tensor gap = first.gaussian.mean - second.gaussian.mean;
  const double variance =
      variance_from(first, gap, left, values) + variance_from(second, -gap, right.t(), values);
  const auto above_zero = [](double figure) { return std::max(0.0, figure); };
  const Estimate estimate = with_deviation(above_zero(distance), std::sqrt(variance));
  return {estimate.value, above_zero(estimate.low), estimate.high};
}

double extrapolated_frechet(const Tensor& a, const Tensor& b, std::uint64_t seed) {
  std::vector<double> inverse_share, distance;
  for (int point = 0; point < kExtrapolationPoints; ++point) {
    const double share = 0.5 + 0.5 * point / (kExtrapolationPoints - 1);
    const auto part = [&](const Tensor& rows, std::uint64_t draw) {
      const auto count = static_cast<std::int64_t>(std::lround(share * rows.size(0)));
      return rows.index_select(0, drawn_without_repeats(count, rows.size(0), seed, draw));
    };
    const auto draw = static_cast<std::uint64_t>(2 * point);
    inverse_share.push_back(1 / share);
    distance.push_back(
        frechet_distance(gaussian_of(part(a, draw)), gaussian_of(part(b, draw + 1))));
  }
  return intercept(inverse_share, distance);
}

KernelMatrices cubic_kernel(const Tensor& a, const Tensor& b) {
  const auto width = static_cast<double>(a.size(1));
  return matrices(as_double(a), as_double(b), [&](const Tensor& x, const Tensor& y) {
    return x.mm(y.t()).div_(width).add_(1).pow_(3);
  });
}

KernelMatrices gaussian_kernel(const Tensor& a, const Tensor& b, double sigma) {
  // |x - y|^2 = 2 - 2 x . y for rows of unit length.
  const double scale = 1 / (sigma * sigma);
  return matrices(
      unit_rows(as_double(a)), unit_rows(as_double(b)),
      [&](const Tensor& x, const Tensor& y) { return x.mm(y.t()).sub_(1).mul_(scale).exp_(); });
}

double squared_mmd(const KernelMatrices& kernel) {
  const auto all = [](const Tensor& square) {
    return at::ones({1, square.size(0)}, torch::kDouble);
  };
  return resampled_mmd(kernel, all(kernel.aa), all(kernel.bb)).item<double>();
}

Estimate squared_mmd(const KernelMatrices& kernel, int repeats, std::uint64_t seed) {
  const Tensor in_a = resampled_counts(kernel.aa.size(0), repeats, seed);
  const Tensor in_b = resampled_counts(kernel.bb.size(0), repeats, seed + 1);
  return with_interval(squared_mmd(kernel), resampled_mmd(kernel, in_a, in_b));
}

SubsetSpread subset_spread(const KernelMatrices& kernel, int subsets, std::int64_t size,
                           std::uint64_t seed) {
  const auto in_a = kernel.aa.size(0), in_b = kernel.bb.size(0);
  const auto taken = std::min(size, std::min(in_a, in_b) / 2);
  std::vector<double> values;
  for (int subset = 0; subset < subsets; ++subset) {
    const auto draw = static_cast<std::uint64_t>(2 * subset);
    values.push_back(squared_mmd(part_of(kernel, drawn_without_repeats(taken, in_a, seed, draw),
                                         drawn_without_repeats(taken, in_b, seed, draw + 1))));
  }
  const Tensor all = at::tensor(values, torch::kDouble);
  return {subsets, taken, all.mean().item<double>(), all.std().item<double>()};
}

}  // namespace sumi
