// Distances between sets of features, against closed forms and brute force.

#include "training/distances.h"

#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/DeviceType.h>
#include <gmock/gmock.h>

#include <cmath>

#include "training/neighbours.h"

namespace sumi {
namespace {

Tensor normal(std::int64_t rows, std::int64_t width, std::uint64_t seed) {
  return at::randn({rows, width}, at::detail::createCPUGenerator(seed), torch::kDouble);
}

Tensor matrix(std::vector<double> values, std::int64_t width) {
  return at::tensor(values, torch::kDouble).reshape({-1, width});
}

double kernel_by_hand(const Tensor& x, const Tensor& y) {
  return std::pow(x.dot(y).item<double>() / static_cast<double>(x.numel()) + 1, 3);
}

double gaussian_by_hand(const Tensor& x, const Tensor& y) {
  return std::exp(-(x / x.norm() - y / y.norm()).square().sum().item<double>() / 200);
}

/// Equation 3 of Gretton et al. 2012, term by term.
template <class Kernel>
double mmd_by_hand(const Tensor& a, const Tensor& b, Kernel kernel) {
  double within_a = 0, within_b = 0, between = 0;
  const auto n = a.size(0), m = b.size(0);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) within_a += i == j ? 0 : kernel(a[i], a[j]);
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < m; ++j) within_b += i == j ? 0 : kernel(b[i], b[j]);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < m; ++j) between += kernel(a[i], b[j]);
  return within_a / double(n * (n - 1)) + within_b / double(m * (m - 1)) -
         2 * between / double(n * m);
}

Tensor covariance_of(const Gaussian& gaussian) { return gaussian.root.t().mm(gaussian.root); }

/// The Gaussian of that covariance, which must not be singular.
Gaussian with_covariance(const Tensor& mean, const Tensor& covariance) {
  return {mean, at::linalg_cholesky(covariance).t()};
}

TEST(Gaussian, HasTheMomentsOfTheRowsManyOrFew) {
  const auto many = gaussian_of(matrix({1, 2, 3, 6, 5, 1}, 2));
  EXPECT_TRUE(at::allclose(many.mean, at::tensor({3.0, 3.0}, torch::kDouble)));
  EXPECT_TRUE(at::allclose(covariance_of(many), matrix({4, -1, -1, 7}, 2)));
  const auto few = gaussian_of(matrix({1, 2, 3, 3, 0, 7}, 3));
  EXPECT_TRUE(at::allclose(few.mean, at::tensor({2.0, 1.0, 5.0}, torch::kDouble)));
  EXPECT_TRUE(at::allclose(covariance_of(few), matrix({2, -2, 4, -2, 2, -4, 4, -4, 8}, 3)));
}

TEST(Frechet, OfDiagonalGaussiansIsTheSumOverTheirAxes) {
  const Tensor a = at::tensor({2.0, 3.0, 0.5}, torch::kDouble);  // deviations
  const Tensor b = at::tensor({1.0, 4.0, 0.0}, torch::kDouble);
  const Gaussian first{at::tensor({1.0, 2.0, 3.0}, torch::kDouble), a.diag()};
  const Gaussian second{at::tensor({0.0, 2.0, 5.0}, torch::kDouble), b.diag()};
  // 1 + 0 + 4 of the means, (2 - 1)^2 + (3 - 4)^2 + (0.5 - 0)^2 of the deviations.
  EXPECT_NEAR(frechet_distance(first, second), 7.25, 1e-12);
  EXPECT_NEAR(frechet_distance(second, first), 7.25, 1e-12);
}

TEST(Frechet, OfTwoByTwoMatricesHasAClosedForm) {
  // For 2 x 2 matrices tr (AB)^(1/2) = (tr AB + 2 (det AB)^(1/2))^(1/2).
  const Tensor a = matrix({5, 2, 2, 3}, 2), b = matrix({2, -1, -1, 4}, 2);
  const Tensor zero = at::zeros({2}, torch::kDouble);
  const Tensor product = a.mm(b);
  const double root = std::sqrt(product.trace().item<double>() +
                                2 * std::sqrt(at::linalg_det(product).item<double>()));
  EXPECT_NEAR(frechet_distance(with_covariance(zero, a), with_covariance(zero, b)),
              8 + 6 - 2 * root, 1e-12);
}

TEST(Frechet, OfASetWithItselfIsZeroEvenASingularOne) {
  const Tensor few = normal(5, 40, 1) * 100, many = normal(90, 40, 2) * 100;
  for (const Tensor& rows : {few, many}) {
    EXPECT_NEAR(frechet_distance(gaussian_of(rows), gaussian_of(rows)), 0, 1e-7);
    EXPECT_NEAR(frechet_distance(rows, rows).value, 0, 1e-7);
    EXPECT_NEAR(frechet_distance(gaussian_of(rows), gaussian_of(rows + 3)), 9 * 40, 1e-6);
  }
}

TEST(Frechet, DoesNotChangeUnderRotation) {
  const Tensor turn = std::get<0>(at::linalg_qr(normal(6, 6, 3)));
  const Tensor a = normal(50, 6, 4), b = normal(70, 6, 5) * 2 + 1;
  EXPECT_NEAR(frechet_distance(gaussian_of(a), gaussian_of(b)),
              frechet_distance(gaussian_of(a.mm(turn)), gaussian_of(b.mm(turn))), 1e-9);
}

TEST(Frechet, ExtrapolationTakesTheBiasOfFewPicturesAway) {
  const Tensor a = normal(400, 32, 6), b = normal(400, 32, 7);  // one distribution: truly 0
  const double plain = frechet_distance(gaussian_of(a), gaussian_of(b));
  EXPECT_GT(plain, 0.9);
  EXPECT_LT(std::abs(extrapolated_frechet(a, b, 0)), 0.25 * plain);
}

double deviation_of(const Estimate& estimate) {
  return (estimate.high - estimate.value) / 1.959963985;
}

TEST(Frechet, IntervalHoldsTheFigureAndNarrowsWithMorePictures) {
  const auto width = [](std::int64_t rows) {
    const Tensor a = normal(rows, 4, 8), b = normal(rows, 4, 9) + 1;
    const auto estimate = frechet_distance(a, b);
    EXPECT_NEAR(estimate.value, frechet_distance(gaussian_of(a), gaussian_of(b)), 1e-10);
    EXPECT_LT(estimate.low, estimate.value);
    EXPECT_GT(estimate.high, estimate.value);
    EXPECT_GE(estimate.low, 0);
    return estimate.high - estimate.low;
  };
  EXPECT_LT(width(800), 0.6 * width(100));
}

TEST(Frechet, DeviationIsThatOfLeavingPicturesOut) {
  // The jackknife, whose limit the closed form is; sets of one size and of two, few and many.
  const auto left_out = [](const Tensor& rows, std::int64_t row) {
    return at::cat({rows.slice(0, 0, row), rows.slice(0, row + 1)});
  };
  const auto jackknifed = [&](const Tensor& rows, const Tensor& other) {
    const auto count = rows.size(0);
    Tensor found = at::empty({count}, torch::kDouble);
    for (std::int64_t row = 0; row < count; ++row)
      found[row] = frechet_distance(gaussian_of(left_out(rows, row)), gaussian_of(other));
    return found.var(/*unbiased=*/false).item<double>() * double(count - 1);
  };
  const Tensor a = normal(150, 3, 31) * 1.5, b = normal(220, 3, 32) + 0.8;
  const double expected = std::sqrt(jackknifed(a, b) + jackknifed(b, a));
  EXPECT_NEAR(deviation_of(frechet_distance(a, b)), expected, 0.05 * expected);
  EXPECT_NEAR(deviation_of(frechet_distance(b, a)), deviation_of(frechet_distance(a, b)),
              1e-9 * expected);
}

TEST(Frechet, DeviationIsThatOverManySets) {
  // Also with hardly more pictures than features, where a bootstrap's is half as large again.
  struct Case {
    std::int64_t width, count;
    double lowest, highest;
  };
  for (const auto& [width, count, lowest, highest] :
       {Case{8, 200, 0.8, 1.25}, Case{32, 64, 0.8, 1.5}, Case{32, 24, 0.7, 1.7}}) {
    const int trials = 100;
    Tensor found = at::empty({trials}, torch::kDouble);
    double told = 0;
    for (int trial = 0; trial < trials; ++trial) {
      const Tensor a = normal(count, width, 4'000 + trial).clamp_min(-0.5);
      const auto estimate = frechet_distance(a, normal(count, width, 70'000 + trial) + 0.3);
      found[trial] = estimate.value;
      told += deviation_of(estimate) / trials;
    }
    const double ratio = told / found.std().item<double>();
    EXPECT_GT(ratio, lowest) << width << " features, " << count << " pictures";
    EXPECT_LT(ratio, highest) << width << " features, " << count << " pictures";
  }
}

TEST(Mmd, IsWhatTheDefinitionSaysForBothKernels) {
  const Tensor a = normal(7, 5, 10), b = normal(4, 5, 11) + 0.5;
  EXPECT_NEAR(squared_mmd(cubic_kernel(a, b)), mmd_by_hand(a, b, kernel_by_hand), 1e-10);
  EXPECT_NEAR(squared_mmd(gaussian_kernel(a, b)), mmd_by_hand(a, b, gaussian_by_hand), 1e-12);
}

TEST(Mmd, HasNoBias) {
  // One distribution: the mean over many small sets is 0 within its standard error; with every
  // picture compared with itself as well it would lie far above.
  const int trials = 2000;
  Tensor found = at::empty({trials}, torch::kDouble);
  double biased = 0;
  for (int trial = 0; trial < trials; ++trial) {
    const auto kernel = cubic_kernel(normal(6, 3, 100 + trial), normal(6, 3, 90'000 + trial));
    found[trial] = squared_mmd(kernel);
    biased += (kernel.aa.mean() + kernel.bb.mean() - 2 * kernel.ab.mean()).item<double>() / trials;
  }
  const double error = found.std().item<double>() / std::sqrt(trials);
  EXPECT_LT(std::abs(found.mean().item<double>()), 4 * error);
  EXPECT_GT(biased, 10 * error);
}

TEST(Mmd, IntervalsHoldTheTruthAsOftenAsTheyShould) {
  // The truth of one distribution is 0; that of a shifted one the mean over many sets.
  for (const double shift : {0.0, 0.8}) {
    const int trials = 200;
    std::vector<Estimate> found;
    double truth = 0;
    for (int trial = 0; trial < trials; ++trial) {
      const Tensor a = normal(40, 3, 1'000 + trial), b = normal(40, 3, 50'000 + trial) + shift;
      found.push_back(squared_mmd(cubic_kernel(a, b), 100, trial));
      truth += shift == 0 ? 0 : found.back().value / trials;
    }
    int held = 0;
    for (const auto& estimate : found) held += estimate.low <= truth && truth <= estimate.high;
    EXPECT_GE(held, trials * 88 / 100) << shift;
  }
}

TEST(Mmd, IntervalAndSubsetsAgreeWithTheFigure) {
  const Tensor a = normal(120, 4, 12), b = normal(200, 4, 13) + 0.7;
  const auto kernel = cubic_kernel(a, b);
  const auto estimate = squared_mmd(kernel, 300, 5);
  EXPECT_LT(estimate.low, estimate.value);
  EXPECT_GT(estimate.low, 0);
  const auto spread = subset_spread(kernel, 200, 1000, 5);
  EXPECT_EQ(spread.size, 60);
  EXPECT_NEAR(spread.mean, estimate.value, 4 * spread.deviation / std::sqrt(200) + 0.05);
  EXPECT_GT(spread.deviation, 0);
}

TEST(Bootstrap, DeviationOfAMeanIsThatOfTheory) {
  const Tensor values = normal(500, 1, 14).squeeze(1) * 3;
  const auto estimate = mean_with_interval(values, 2000, 0);
  const double theory = 1.96 * values.std().item<double>() / std::sqrt(500);
  EXPECT_NEAR((estimate.high - estimate.low) / 2, theory, 0.06 * theory);
  EXPECT_NEAR(estimate.value, values.mean().item<double>(), 1e-12);
}

TEST(Bootstrap, DrawsAreSeededAndWhole) {
  const Tensor counts = resampled_counts(9, 4, 1);
  EXPECT_TRUE(counts.sum(1).eq(9).all().item<bool>());
  EXPECT_TRUE(at::equal(counts, resampled_counts(9, 4, 1)));
  EXPECT_FALSE(at::equal(counts, resampled_counts(9, 4, 2)));
  const Tensor drawn = drawn_without_repeats(9, 9, 3, 0);
  EXPECT_TRUE(at::equal(std::get<0>(drawn.sort()), at::arange(9, torch::kLong)));
  EXPECT_EQ(drawn_without_repeats(3, 9, 3, 0).size(0), 3);
}

TEST(Neighbours, RadiiAreDistancesToTheKthOther) {
  const Tensor line = matrix({0, 1, 3, 7}, 1);
  EXPECT_TRUE(
      at::allclose(neighbour_radii(line, 1), at::tensor({1.0, 1.0, 2.0, 4.0}).to(torch::kDouble)));
  EXPECT_TRUE(
      at::allclose(neighbour_radii(line, 2), at::tensor({3.0, 2.0, 3.0, 6.0}).to(torch::kDouble)));
  const Tensor copies = matrix({2, 2, 2, 5}, 1);  // copies are neighbours at no distance
  EXPECT_TRUE(at::allclose(neighbour_radii(copies, 1),
                           at::tensor({0.0, 0.0, 0.0, 3.0}).to(torch::kDouble)));
}

/// Definitions of Kynkaanniemi et al. and Naeem et al., pair by pair.
struct ByHand {
  double precision = 0, recall = 0, density = 0, coverage = 0;
};
ByHand agreement_by_hand(const Tensor& fake, const Tensor& real, int k, int wide) {
  const auto apart = [](const Tensor& x, const Tensor& y) { return (x - y).norm().item<double>(); };
  const auto radius = [&](const Tensor& all, std::int64_t row, int nth) {
    std::vector<double> others;
    for (std::int64_t i = 0; i < all.size(0); ++i)
      if (i != row) others.push_back(apart(all[row], all[i]));
    std::sort(others.begin(), others.end());
    return others[nth - 1];
  };
  ByHand sum;
  for (std::int64_t f = 0; f < fake.size(0); ++f) {
    bool within = false;
    for (std::int64_t r = 0; r < real.size(0); ++r) {
      within = within || apart(fake[f], real[r]) <= radius(real, r, k);
      if (apart(fake[f], real[r]) <= radius(real, r, wide)) sum.density += 1.0 / wide;
    }
    sum.precision += within;
  }
  for (std::int64_t r = 0; r < real.size(0); ++r) {
    bool within = false, covered = false;
    for (std::int64_t f = 0; f < fake.size(0); ++f) {
      within = within || apart(fake[f], real[r]) <= radius(fake, f, k);
      covered = covered || apart(fake[f], real[r]) <= radius(real, r, wide);
    }
    sum.recall += within;
    sum.coverage += covered;
  }
  const double fakes = fake.size(0), reals = real.size(0);
  return {sum.precision / fakes, sum.recall / reals, sum.density / fakes, sum.coverage / reals};
}

TEST(Neighbours, AgreementIsWhatTheDefinitionsSay) {
  const Tensor fake = normal(20, 3, 15) * 0.8 + 0.4, real = normal(27, 3, 16);
  const auto expected = agreement_by_hand(fake, real, 2, 4);
  const auto found = agreement(fake, real, {2, 4}, 50, 0);
  EXPECT_NEAR(found.precision.value, expected.precision, 1e-12);
  EXPECT_NEAR(found.recall.value, expected.recall, 1e-12);
  EXPECT_NEAR(found.density.value, expected.density, 1e-12);
  EXPECT_NEAR(found.coverage.value, expected.coverage, 1e-12);
  EXPECT_GT(expected.precision, 0);
  EXPECT_LT(expected.recall, 1);
}

TEST(Neighbours, ConstructedSetsHaveTheFiguresTheyWereMadeFor) {
  const Tensor real = normal(60, 2, 17);
  const auto same = agreement(real, real, {}, 20, 0);
  EXPECT_EQ(same.precision.value, 1);
  EXPECT_EQ(same.recall.value, 1);
  EXPECT_EQ(same.coverage.value, 1);
  const auto apart = agreement(real + 1000, real, {}, 20, 0);
  EXPECT_EQ(apart.precision.value, 0);
  EXPECT_EQ(apart.recall.value, 0);
  EXPECT_EQ(apart.density.value, 0);
  EXPECT_EQ(apart.coverage.value, 0);
  // Two clusters of real pictures, one of them drawn: all precise, half recalled.
  const Tensor clusters = at::cat({real, real + 1000});
  const auto half = agreement(real, clusters, {}, 20, 0);
  EXPECT_EQ(half.precision.value, 1);
  EXPECT_EQ(half.recall.value, 0.5);
  EXPECT_EQ(half.coverage.value, 0.5);
}

TEST(Memorisation, CopiesStandOutAndFreshPicturesDoNot) {
  const Tensor training = normal(300, 4, 18), held_out = normal(300, 4, 19);
  const auto copies = memorisation(training.slice(0, 10, 30) + 1e-4, training, held_out);
  EXPECT_EQ(copies.nearer_to_training.value, 1);
  EXPECT_LT(copies.median_ratio, 0.01);
  EXPECT_EQ(copies.training.index[3], 13);
  const auto fresh = memorisation(normal(200, 4, 20), training, held_out);
  EXPECT_LT(fresh.nearer_to_training.low, 0.5);
  EXPECT_GT(fresh.nearer_to_training.high, 0.5);
  EXPECT_NEAR(fresh.median_ratio, 1, 0.1);
  const auto both = memorisation(training, training, training);  // known to both sides alike
  EXPECT_EQ(both.nearer_to_training.value, 0);
  EXPECT_NEAR(both.median_ratio, 1, 1e-9);
}

}  // namespace
}  // namespace sumi
