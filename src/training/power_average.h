#pragma once

#include <array>
#include <filesystem>
#include <span>
#include <vector>

#include "core/tensor.h"
#include "training/state_memory.h"

namespace sumi {

// Post-hoc averages (Karras et al. 2024, "Analyzing and Improving the Training Dynamics of
// Diffusion Models", section 3): averages whose weight grows with a power of the time, t^gamma, are
// stored now and then; an average of any other length is a linear combination of them.

/// gamma of the profile whose width is `sigma_rel` of the run: the positive root of
/// sigma_rel² = (gamma + 1) / ((gamma + 2)² (gamma + 3)). 0 < sigma_rel < 0.288.
double power_of(double sigma_rel);

/// A profile and the update at which it was stored.
struct StoredProfile {
  double time = 0, gamma = 0;
};

/// Coefficients of the stored averages that come nearest to the one wanted, least squares over the
/// weights each gives to the past.
std::vector<double> profile_weights(std::span<const StoredProfile> stored, StoredProfile wanted);

/// The two averages of a run that are kept up to date.
class PowerAverages {
 public:
  static constexpr std::array kWidths = {0.05, 0.10};  ///< sigma_rel of each

  explicit PowerAverages(const Tensor& weights, const StateMemory& memory = {});

  /// After the `update`-th update (1, 2, …): average = b average + (1-b) weights with
  /// b = (1 - 1 / update)^(gamma + 1).
  void follow(const Tensor& weights, std::int64_t update);

  std::array<Tensor, 2>& averages() { return averages_; }  ///< flat, [size] each

  /// Writes `folder`/<samples>.safetensors.
  void store(const std::filesystem::path& folder, std::int64_t samples, std::int64_t update) const;

 private:
  std::array<Tensor, 2> averages_;
};

/// Writes `folder`/<samples>.safetensors with the averages of PowerAverages.
void store_averages(const std::filesystem::path& folder, std::int64_t samples, std::int64_t update,
                    const std::array<Tensor, 2>& averages);

/// The average of width `sigma_rel` at the last update, of what store() wrote in `folder` up to
/// `samples`. Throws Error when nothing is there.
Tensor reconstructed_average(const std::filesystem::path& folder, std::int64_t samples,
                             double sigma_rel);

}  // namespace sumi
