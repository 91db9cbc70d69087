#include "training/objective.h"

#include <algorithm>
#include <cmath>

#include "core/sent_to.h"
#include "training/randomness.h"

namespace sumi {
namespace {

/// The signal-to-noise ratio beyond which levels count alike: without it the clean end of a
/// process would count without bound.
constexpr double kHighestSnr = 1e6;

/// Numbers of (0, 1) to where the distribution of timesteps has that much below it, (0, 1) again.
Tensor placed(const ObjectiveConfig& config, const Tensor& quantile) {
  if (config.timesteps == "uniform") return quantile;
  const Tensor inner = quantile.clamp(1e-6, 1 - 1e-6);
  const Tensor normal = std::sqrt(2.0) * at::erfinv(2 * inner - 1);
  return at::sigmoid(config.logit_mean + config.logit_deviation * normal);
}

/// The mean of each item's squared errors, [N]; over what its mask shows where there are masks.
Tensor mean_squares(const Tensor& error, const Tensor& masks) {
  const Tensor squares = error.square();
  if (!masks.defined()) return squares.mean({1, 2, 3});
  const Tensor shown =
      at::adaptive_avg_pool2d(masks, {error.size(2), error.size(3)}).expand_as(squares);
  constexpr double kNothing = 1e-6;  // a mask that shows nothing teaches nothing
  return (squares * shown).sum({1, 2, 3}) / shown.sum({1, 2, 3}).clamp_min(kNothing);
}

}  // namespace

Objective::Objective(const ScheduleConfig& process, const ObjectiveConfig& taught)
    : schedule(process),
      scale(process),
      config(taught),
      continuous(process.beta_schedule == "flow") {}

Tensor stratified_timesteps(const Objective& objective, int count, std::uint64_t seed) {
  const Tensor quantile = (at::arange(count, torch::TensorOptions().dtype(torch::kFloat)) +
                           uniform_numbers(count, seed)) /
                          count;
  const Tensor t = placed(objective.config, quantile) * objective.schedule.size();
  return objective.continuous ? t : t.floor().clamp_max(objective.schedule.size() - 1);
}

Tensor training_noise(const ObjectiveConfig& config, at::IntArrayRef sizes, std::uint64_t seed,
                      torch::Device device) {
  const auto normal = [&](at::IntArrayRef shape, std::uint64_t part) {
    return normal_numbers(shape, part == 0 ? seed : mix_seed(seed, part), device);
  };
  Tensor noise = normal(sizes, 0);
  const std::int64_t n = sizes[0], channels = sizes[1];
  std::int64_t height = sizes[2], width = sizes[3];
  double share = 1, variance = 1;
  for (std::uint64_t level = 1; config.pyramid_discount > 0 && (height > 1 || width > 1); ++level) {
    height = (height + 1) / 2;
    width = (width + 1) / 2;
    share *= config.pyramid_discount;
    variance += share * share;
    const Tensor coarse = normal({n, channels, height, width}, level);
    noise = noise + share * at::upsample_nearest2d(coarse, {sizes[2], sizes[3]});
  }
  if (variance > 1) noise = noise / std::sqrt(variance);
  if (config.noise_offset > 0)
    noise = noise + config.noise_offset * normal({n, channels, 1, 1}, 1000);
  return noise;
}

double error_weight(const Objective& objective, NoiseLevel level) {
  const ObjectiveConfig& config = objective.config;
  if (config.weighting == "uniform") return 1;
  const double out = objective.scale.scalings(level).out, ratio = level.ratio();
  const double snr = std::min(1 / (ratio * ratio), kHighestSnr);
  double of_clean = std::min(snr, config.min_snr_gamma);
  if (config.weighting == "debiased") of_clean = std::sqrt(snr);
  if (config.weighting == "p2") of_clean = snr / std::pow(config.p2_k + snr, config.p2_gamma);
  return of_clean * out * out;
}

Tensor diffusion_loss(const Objective& objective, const Network& network, const Tensor& clean,
                      const Tensor& noise, const Tensor& timesteps, const Tensor& masks) {
  std::vector<NoiseLevel> levels;
  std::vector<float> weights;
  for (std::int64_t i = 0; i < timesteps.numel(); ++i) {
    levels.push_back(objective.schedule.level(timesteps.data_ptr<float>()[i]));
    weights.push_back(static_cast<float>(error_weight(objective, levels.back())));
  }
  const TrainingPair pair = training_pair(objective.scale, clean, noise, levels);
  const Tensor output = network(pair.input, sent_to(clean.device(), timesteps));
  const Tensor error = mean_squares(output - pair.target, masks);
  return (sent_to(error.device(), torch::tensor(weights)) * error).mean();
}

}  // namespace sumi
