#include "training/power_average.h"

#include <gmock/gmock.h>

#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "training/randomness.h"

namespace sumi {
namespace {

TEST(PowerProfile, HasTheWidthThatWasAskedFor) {
  for (const double width : {0.01, 0.05, 0.1, 0.25}) {
    const double gamma = power_of(width);
    // The standard deviation of t under (gamma + 1) t^gamma on 0 to 1.
    const double mean = (gamma + 1) / (gamma + 2), square = (gamma + 1) / (gamma + 3);
    EXPECT_NEAR(std::sqrt(square - mean * mean), width, 1e-9);
  }
  EXPECT_NEAR(power_of(0.05), 16.97, 0.01);  // Karras et al. 2024, section 3.1
  EXPECT_NEAR(power_of(0.10), 6.94, 0.01);
}

TEST(PowerProfile, AStoredAverageIsItsOwnReconstruction) {
  const std::vector<StoredProfile> stored = {{100, 6.94}, {100, 16.97}, {200, 6.94}, {200, 16.97}};
  const auto weights = profile_weights(stored, stored[2]);
  for (std::size_t i = 0; i < weights.size(); ++i)
    EXPECT_NEAR(weights[i], i == 2 ? 1 : 0, 1e-6) << i;
}

/// Averages of a random walk, followed directly and made afterwards from twenty stored files.
TEST(PowerAverages, AnyWidthComesOutAsIfItHadBeenFollowed) {
  constexpr int kUpdates = 2000;
  const TemporaryDirectory folder;
  Tensor weights = at::zeros({64});
  PowerAverages averages(weights);
  const double wanted[] = {0.05, 0.075, 0.15, 0.2};
  std::vector<Tensor> followed(4, weights.clone());
  for (auto& average : followed) average = weights.clone();
  for (int t = 1; t <= kUpdates; ++t) {
    weights += at::randn({64}, generator_of(static_cast<std::uint64_t>(t)), torch::TensorOptions());
    averages.follow(weights, t);
    for (std::size_t k = 0; k < 4; ++k)
      followed[k].lerp_(weights, 1 - std::pow(1 - 1.0 / t, power_of(wanted[k]) + 1));
    if (t % 100 == 0) averages.store(folder.path(), 8 * t, t);
  }
  for (std::size_t k = 0; k < 4; ++k) {
    const Tensor made = reconstructed_average(folder.path(), 8 * kUpdates, wanted[k]);
    const double error =
        ((made - followed[k]).norm() / (weights - followed[k]).norm()).item<double>();
    EXPECT_LT(error, 0.03) << wanted[k];
  }
  // Files of a later moment are not looked at.
  const Tensor half = reconstructed_average(folder.path(), 4 * kUpdates, 0.1);
  EXPECT_FALSE(half.equal(reconstructed_average(folder.path(), 8 * kUpdates, 0.1)));
  EXPECT_THROW(reconstructed_average(folder.path() / "none", 8, 0.1), Error);
}

}  // namespace
}  // namespace sumi
