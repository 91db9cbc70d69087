#include "training/objective.h"

#include "training/randomness.h"

namespace sumi {

Objective::Objective(const ScheduleConfig& process, const ObjectiveConfig& config)
    : schedule(process),
      scale(process),
      weighting(config.weighting == "min_snr" ? LossWeighting::min_snr : LossWeighting::uniform),
      gamma(config.min_snr_gamma) {}

Tensor stratified_timesteps(const Objective& objective, int count, std::uint64_t seed) {
  const Tensor u = at::rand({count}, generator_of(seed), torch::TensorOptions());
  const Tensor place = (at::arange(count, torch::TensorOptions().dtype(torch::kFloat)) + u) / count;
  return (place * objective.schedule.size()).floor().clamp_max(objective.schedule.size() - 1);
}

Tensor diffusion_loss(const Objective& objective, const Network& network, const Tensor& clean,
                      const Tensor& noise, const Tensor& timesteps) {
  std::vector<NoiseLevel> levels;
  const Tensor t = timesteps.cpu();
  for (std::int64_t i = 0; i < t.numel(); ++i)
    levels.push_back(objective.schedule.level(t.data_ptr<float>()[i]));
  const TrainingPair pair = training_pair(objective.scale, clean, noise, levels);
  const Tensor w = loss_weights(objective.scale, levels, objective.weighting, objective.gamma);
  const Tensor error = (network(pair.input, timesteps) - pair.target).square().mean({1, 2, 3});
  return (w.to(error.device()) * error).mean();
}

}  // namespace sumi
