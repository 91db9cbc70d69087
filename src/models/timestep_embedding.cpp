#include "models/timestep_embedding.h"

#include <cmath>

namespace sumi {

Tensor timestep_embedding(const Tensor& timesteps, std::int64_t width, bool cosines_first,
                          double freq_shift, double max_period) {
  const auto half = width / 2;
  // In float32 throughout, as the published implementations compute it.
  const auto exponent = at::arange(half, torch::dtype(torch::kFloat).device(timesteps.device()))
                            .mul(-std::log(max_period))
                            .div(static_cast<double>(half) - freq_shift);
  const auto angles = timesteps.to(torch::kFloat).unsqueeze(1) * at::exp(exponent).unsqueeze(0);
  return cosines_first ? at::cat({at::cos(angles), at::sin(angles)}, 1)
                       : at::cat({at::sin(angles), at::cos(angles)}, 1);
}

Tensor guidance_embedding(const Tensor& scale_minus_one, std::int64_t width) {
  // As timestep_embedding, but rounded in another order: angles go into the thousands, so that the
  // last bit of a frequency shows.
  const auto half = width / 2;
  const float spacing = std::log(10000.0f) / static_cast<float>(half - 1);
  const auto options = torch::dtype(torch::kFloat).device(scale_minus_one.device());
  const auto frequencies = at::exp(at::arange(half, options) * -spacing);
  const auto angles =
      (scale_minus_one.to(torch::kFloat) * 1000).unsqueeze(1) * frequencies.unsqueeze(0);
  return at::cat({at::sin(angles), at::cos(angles)}, 1);
}

}  // namespace sumi
