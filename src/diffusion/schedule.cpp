#include "diffusion/schedule.h"

#include <algorithm>
#include <numbers>

#include "core/sent_to.h"

namespace sumi {
namespace {

/// Betas whose alphas_cumprod follow cos² (Nichol & Dhariwal 2021, eq. 17), capped at 0.999.
Tensor cosine_betas(int steps) {
  const auto remaining = [](double t) {
    const double c = std::cos((t + 0.008) / 1.008 * std::numbers::pi / 2);
    return c * c;
  };
  std::vector<float> betas;
  for (int i = 0; i < steps; ++i)
    betas.push_back(float(
        std::min(1 - remaining(double(i + 1) / steps) / remaining(double(i) / steps), 0.999)));
  return torch::tensor(betas);
}

std::vector<double> to_doubles(const Tensor& values) {
  const auto f64 = values.to(torch::kFloat64).contiguous();
  return {f64.data_ptr<double>(), f64.data_ptr<double>() + f64.numel()};
}

}  // namespace

Tensor add_noise(const Tensor& clean, const Tensor& noise, std::span<const NoiseLevel> levels) {
  std::vector<float> alphas, sigmas;
  for (const auto level : levels) {
    alphas.push_back(float(level.alpha));
    sigmas.push_back(float(level.sigma));
  }
  std::vector<std::int64_t> shape(std::size_t(clean.dim()), 1);
  shape[0] = std::int64_t(levels.size());
  const auto column = [&](const std::vector<float>& values) {
    return sent_to(clean.device(), torch::tensor(values)).view(shape).to(clean.scalar_type());
  };
  return column(alphas) * clean + column(sigmas) * noise;
}

Tensor betas_of(const ScheduleConfig& config) {
  const int n = config.num_train_timesteps;
  const auto& kind = config.beta_schedule;
  Tensor betas;
  if (!config.trained_betas.empty()) {
    betas = torch::tensor(config.trained_betas).to(torch::kFloat);
  } else if (kind == "linear") {
    betas = torch::linspace(config.beta_start, config.beta_end, n);
  } else if (kind == "scaled_linear") {
    betas = torch::linspace(std::sqrt(config.beta_start), std::sqrt(config.beta_end), n).pow(2);
  } else if (kind == "squaredcos_cap_v2") {
    betas = cosine_betas(n);
  } else if (kind == "sigmoid") {
    betas = torch::sigmoid(torch::linspace(-6, 6, n)) * (config.beta_end - config.beta_start) +
            config.beta_start;
  } else {
    throw Error(fmt::format("unknown beta_schedule \"{}\"", kind),
                "known: linear, scaled_linear, squaredcos_cap_v2, sigmoid, flow, edm, angle");
  }
  return config.rescale_betas_zero_snr ? rescale_zero_terminal_snr(betas) : betas;
}

Tensor rescale_zero_terminal_snr(const Tensor& betas) {
  const auto root = torch::cumprod(1 - betas, 0).sqrt();
  const auto first = root[0], last = root[-1];
  const auto remaining = ((root - last) * (first / (first - last))).pow(2);
  const auto alphas =
      torch::cat({remaining.slice(0, 0, 1), remaining.slice(0, 1) / remaining.slice(0, 0, -1)});
  return 1 - alphas;
}

Schedule::Schedule(const ScheduleConfig& config)
    : size_(config.num_train_timesteps),
      ratio_min_(config.sigma_min),
      ratio_max_(config.sigma_max) {
  if (size_ < 1 || size_ > 1'000'000)
    throw Error(fmt::format("num_train_timesteps is {}", size_), "use 1 to 1000000, usually 1000");
  auto table = std::make_shared<Table>();
  if (config.beta_schedule == "flow") {
    kind_ = Kind::flow;
    ratio_min_ = 0;
    ratio_max_ = std::numeric_limits<double>::infinity();
  } else if (config.beta_schedule == "edm") {
    kind_ = Kind::edm;
    if (!(ratio_min_ > 0 && ratio_max_ > ratio_min_))
      throw Error("an EDM schedule needs 0 < sigma_min < sigma_max", "use e.g. 0.002 and 80");
  } else if (config.beta_schedule == "angle") {
    kind_ = Kind::angle;
    ratio_min_ = 0;
    ratio_max_ = std::numeric_limits<double>::infinity();
  } else {
    // Single precision throughout, as checkpoints were trained with; the ratio's floor is
    // diffusers'.
    const auto products = torch::cumprod(1 - betas_of(config), 0);
    const auto floored = products.clamp_min(std::exp2(-24));
    table->alphas_cumprod = to_doubles(products);
    table->ratios = to_doubles(((1 - floored) / floored).sqrt());
    for (const double ratio : table->ratios) table->log_ratios.push_back(std::log(ratio));
    size_ = int(table->ratios.size());
    ratio_min_ = table->ratios.front();
    ratio_max_ = table->ratios.back();
  }
  table_ = std::move(table);
}

NoiseLevel Schedule::level(double timestep) const {
  switch (kind_) {
    case Kind::flow:
      return {1 - timestep / size_, timestep / size_};
    case Kind::edm:
      return exploding(std::exp(4 * timestep));
    case Kind::angle:
      return {std::cos(timestep * std::numbers::pi / 2), std::sin(timestep * std::numbers::pi / 2)};
    case Kind::table:
      break;
  }
  const double t = std::clamp(timestep, 0.0, size_ - 1.0);
  const auto low = std::size_t(t);
  const double part = t - double(low);
  if (part == 0) {
    const double product = table_->alphas_cumprod[low];
    return {std::sqrt(product), std::sqrt(1 - product)};
  }
  return preserving(
      std::exp((1 - part) * table_->log_ratios[low] + part * table_->log_ratios[low + 1]));
}

double Schedule::timestep_of(NoiseLevel level) const {
  switch (kind_) {
    case Kind::flow:
      return size_ * level.sigma / (level.alpha + level.sigma);
    case Kind::edm:
      return std::log(level.ratio()) / 4;
    case Kind::angle:
      return std::atan2(level.sigma, level.alpha) * 2 / std::numbers::pi;
    case Kind::table:
      break;
  }
  const auto& logs = table_->log_ratios;
  const double log_ratio = std::log(level.ratio());
  const auto above = std::upper_bound(logs.begin(), logs.end(), log_ratio);
  if (above == logs.begin()) return 0;
  if (above == logs.end()) return size_ - 1.0;
  const auto low = std::size_t(above - logs.begin()) - 1;
  return double(low) + (log_ratio - logs[low]) / (logs[low + 1] - logs[low]);
}

double Schedule::nearest_timestep_of(NoiseLevel level) const {
  const double t = timestep_of(level);
  // Between neighbours t runs evenly in log ratio, so the nearer one is the rounded one.
  return kind_ == Kind::table ? std::nearbyint(t) : t;
}

}  // namespace sumi
