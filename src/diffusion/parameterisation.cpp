#include "diffusion/parameterisation.h"

#include <cmath>
#include <utility>

#include "core/sent_to.h"

namespace sumi {

Prediction prediction_of(std::string_view name) {
  if (name == "epsilon") return Prediction::epsilon;
  if (name == "v_prediction" || name == "v" || name == "velocity") return Prediction::velocity;
  if (name == "sample" || name == "original_sample") return Prediction::sample;
  if (name == "flow" || name == "flow_prediction") return Prediction::flow;
  throw Error(fmt::format("unknown prediction type \"{}\"", name),
              "known: epsilon, v_prediction, sample, flow");
}

Parameterisation::Parameterisation(const ScheduleConfig& config)
    : prediction(prediction_of(config.prediction_type)), sigma_data(config.sigma_data) {
  if (config.beta_schedule != "edm") return;
  prediction = prediction == Prediction::velocity ? Prediction::edm_v : Prediction::edm;
}

Scalings Parameterisation::scalings(NoiseLevel level) const {
  const double alpha = level.alpha, sigma = level.sigma;
  const double length = std::hypot(alpha, sigma);
  switch (prediction) {
    case Prediction::epsilon:
      return {1 / alpha, -sigma / alpha, 1 / length, 0};
    case Prediction::velocity:
      return {alpha / (length * length), -sigma / length, 1 / length, 0};
    case Prediction::sample:
      return {0, 1, 1 / length, 0};
    case Prediction::flow: {
      const double sum = alpha + sigma;
      return {1 / sum, -sigma / sum, 1 / sum, 0};
    }
    case Prediction::edm:
    case Prediction::edm_v: {
      const double ratio = level.ratio(), data = sigma_data;
      const double square = ratio * ratio + data * data;
      const double sign = prediction == Prediction::edm ? 1 : -1;
      return {data * data / square / alpha, sign * ratio * data / std::sqrt(square),
              1 / std::sqrt(square) / alpha, 0};
    }
  }
  return {};
}

Denoiser precondition(Network network, Parameterisation scale, TimestepOf timestep_of) {
  return [=](const Tensor& x, NoiseLevel level) {
    const auto c = scale.scalings(level);
    const auto time = torch::full({x.size(0)}, timestep_of(level),
                                  torch::dtype(torch::kFloat).device(x.device()));
    return c.skip * x + c.out * network(c.in * x, time);
  };
}

Denoiser precondition(Network network, Parameterisation scale, const Schedule& schedule) {
  return precondition(std::move(network), scale,
                      [schedule](NoiseLevel level) { return schedule.timestep_of(level); });
}

Tensor network_output(const Parameterisation& scale, const Tensor& clean, const Tensor& x,
                      NoiseLevel level) {
  const auto c = scale.scalings(level);
  return (clean - c.skip * x) / c.out;
}

TrainingPair training_pair(const Parameterisation& scale, const Tensor& clean, const Tensor& noise,
                           std::span<const NoiseLevel> levels) {
  std::vector<float> in, skip_share, noise_share, weights;
  for (const auto level : levels) {
    const auto c = scale.scalings(level);
    in.push_back(float(c.in));
    // target = (clean - skip * (alpha * clean + sigma * noise)) / out, with the shares of clean and
    // noise gathered first: for epsilon the clean part cancels exactly instead of to rounding.
    skip_share.push_back(float((1 - c.skip * level.alpha) / c.out));
    noise_share.push_back(float(-c.skip * level.sigma / c.out));
    weights.push_back(float(c.out * c.out));
  }
  std::vector<std::int64_t> shape(std::size_t(clean.dim()), 1);
  shape[0] = clean.size(0);
  const auto column = [&](const std::vector<float>& values) {
    return sent_to(clean.device(), torch::tensor(values)).view(shape).to(clean.scalar_type());
  };
  return {column(in) * add_noise(clean, noise, levels),
          column(skip_share) * clean + column(noise_share) * noise,
          sent_to(clean.device(), torch::tensor(weights))};
}

Tensor loss_weights(const Parameterisation& scale, std::span<const NoiseLevel> levels,
                    LossWeighting weighting, double gamma) {
  std::vector<float> weights;
  for (const auto level : levels) {
    const double out = scale.scalings(level).out;
    const double snr = 1 / (level.ratio() * level.ratio());
    weights.push_back(
        weighting == LossWeighting::uniform ? 1.0f : float(std::min(snr, gamma) * out * out));
  }
  return torch::tensor(weights);
}

}  // namespace sumi
