#include "diffusion/solvers.h"

#include <algorithm>
#include <utility>

#include "diffusion/moves.h"
#include "diffusion/spacing.h"

namespace sumi {
namespace {

NoiseLevel landing(const SamplerOptions& options, std::span<const NoiseLevel> levels,
                   std::size_t i) {
  return options.landing.empty() ? levels[i + 1] : options.landing[i];
}

/// The level to which churn raises `now` (Karras et al. 2022, algorithm 2, lines 4 and 5).
NoiseLevel churned(NoiseLevel now, std::size_t steps, const SamplerOptions& options) {
  if (now.ratio() < options.s_tmin || now.ratio() > options.s_tmax) return now;
  const double gamma = std::min(options.s_churn / double(steps), std::sqrt(2.0) - 1);
  return {now.alpha, now.sigma * (1 + gamma)};
}

Tensor raise(const Tensor& x, NoiseLevel now, NoiseLevel hat, double s_noise,
             const NoiseSource& noise) {
  return hat == now ? x : add_noise_between(x, s_noise * noise(x), now, hat);
}

Tensor heun_step(const Denoiser& denoise, const Tensor& x, NoiseLevel now, NoiseLevel next) {
  const auto first = estimate(denoise, x, now);
  const auto guess = along_clean(x, first.clean, now, next);
  if (next.sigma == 0) return guess;
  const auto second = estimate(denoise, guess, next);
  return x + (next.alpha - now.alpha) / 2 * (first.clean + second.clean) +
         (next.sigma - now.sigma) / 2 * (first.noise + second.noise);
}

}  // namespace

Tensor sample_euler(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                    const SamplerOptions& options, const NoiseSource& noise) {
  const std::size_t steps = levels.size() - 1;
  for (std::size_t i = 0; i < steps; ++i) {
    const auto now = levels[i], next = levels[i + 1];
    const auto hat = churned(now, steps, options);
    if (options.stale_churn && hat != now) {
      const auto output = network_output(*options.stale_churn, denoise(x, now), x, now);
      x = raise(x, now, hat, options.s_noise, noise);
      const bool velocity = options.stale_churn->prediction == Prediction::velocity;
      const auto scale = options.stale_churn->scalings(velocity ? now : hat);
      x = along_clean(x, scale.skip * x + scale.out * output, hat, next);
    } else {
      x = raise(x, now, hat, options.s_noise, noise);
      x = along_clean(x, denoise(x, hat), hat, next);
    }
  }
  return x;
}

Tensor sample_ddim(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                   const SamplerOptions& options, const NoiseSource& noise) {
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    const auto next = landing(options, levels, i);
    auto guess = estimate(denoise, x, levels[i]);
    if (options.limit) guess.clean = options.limit(guess.clean);
    const auto split = ancestral(levels[i], next, options.eta);
    x = next.alpha * guess.clean + split.down * guess.noise;
    if (split.up > 0) x = x + split.up * options.s_noise * noise(x);
  }
  return x;
}

Tensor sample_ddpm(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                   const SamplerOptions& options, const NoiseSource& noise) {
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    const auto now = levels[i], next = landing(options, levels, i);
    const auto guess = estimate(denoise, x, now);
    const auto split = ancestral(now, next, 1);
    x = next.alpha * guess.clean + split.down * guess.noise;
    const double keep = now.alpha / next.alpha;
    const double deviation = options.large_variance ? std::sqrt(1 - keep * keep) : split.up;
    const bool last = i + 2 == levels.size();
    if (deviation > 0 && (!last || options.noise_on_last)) x = x + deviation * noise(x);
  }
  return x;
}

Tensor sample_heun(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                   const SamplerOptions& options, const NoiseSource& noise) {
  const std::size_t steps = levels.size() - 1;
  for (std::size_t i = 0; i < steps; ++i) {
    const auto hat = churned(levels[i], steps, options);
    x = raise(x, levels[i], hat, options.s_noise, noise);
    x = heun_step(denoise, x, hat, levels[i + 1]);
  }
  return x;
}

Tensor sample_dpm_2(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                    const SamplerOptions& options, const NoiseSource& noise) {
  const std::size_t steps = levels.size() - 1;
  for (std::size_t i = 0; i < steps; ++i) {
    const auto next = levels[i + 1], now = churned(levels[i], steps, options);
    x = raise(x, levels[i], now, options.s_noise, noise);
    const auto split = ancestral(now, next, options.eta);
    const NoiseLevel down{next.alpha, split.down};
    const auto clean = denoise(x, now);
    if (down.sigma == 0) {
      x = along_clean(x, clean, now, down);
    } else {
      const auto middle = between(now, down);
      const auto guess = along_clean(x, clean, now, middle);
      x = along_noise(x, estimate(denoise, guess, middle).noise, now, down);
    }
    if (split.up > 0) x = x + split.up * options.s_noise * noise(x);
  }
  return x;
}

Tensor sample_restart(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                      const SamplerOptions& options, const NoiseSource& noise) {
  constexpr double kLow = 0.1, kHigh = 2;  // ratios between which the run goes back
  const int steps = int(levels.size()) - 1;
  std::vector<double> ratios;
  for (const auto level : levels) ratios.push_back(level.ratio());
  const double scale = levels.front().alpha;
  x = x / scale;
  int again_steps = 0, times = 0;
  if (steps >= 20) {
    again_steps = steps >= 36 ? steps / 4 : 9;
    times = steps >= 36 ? 2 : 1;
    ratios =
        karras_ratios(steps - again_steps * times, ratios[std::size_t(steps) - 1], ratios.front());
    ratios.push_back(levels.back().ratio());
  }
  const auto nearest = [&](double ratio) {
    const auto closer = [&](double a, double b) {
      return std::abs(a - ratio) < std::abs(b - ratio);
    };
    return std::size_t(std::min_element(ratios.begin(), ratios.end(), closer) - ratios.begin());
  };
  const std::size_t low = nearest(kLow), high = nearest(kHigh);
  const auto go = [&](std::span<const double> path) {
    for (std::size_t i = 0; i + 1 < path.size(); ++i)
      x = heun_step(denoise, x, exploding(path[i]), exploding(path[i + 1]));
  };
  if (times == 0 || high >= low) {
    go(ratios);
    return x * levels.back().alpha;
  }
  go(std::span(ratios).first(low + 1));
  const auto again = karras_ratios(again_steps + 1, ratios[low], ratios[high]);
  for (int k = 0; k < times; ++k) {
    const double from = k == 0 ? ratios[low] : again[again.size() - 1];
    x = add_noise_between(x, options.s_noise * noise(x), exploding(from), exploding(again.front()));
    go(again);
  }
  go(std::span(ratios).subspan(low));
  return x * levels.back().alpha;
}

Tensor sample_lcm(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                  const SamplerOptions& options, const NoiseSource& noise) {
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    auto clean = denoise(x, levels[i]);
    if (!options.boundary.empty())
      clean = options.boundary[i].out * clean + options.boundary[i].skip * x;
    const bool last = i + 2 == levels.size();
    x = last ? clean : add_noise(clean, noise(x), levels[i + 1]);
  }
  return x;
}

Tensor sample_tcd(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                  const SamplerOptions& options, const NoiseSource& noise) {
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    const auto now = levels[i], next = levels[i + 1];
    const bool last = i + 2 == levels.size();
    const double shrunk = next.ratio() * (1 - options.eta);
    const auto rest = options.resting.empty() ? preserving(shrunk) : options.resting[i];
    x = along_clean(x, denoise(x, now), now, rest);
    if (options.eta > 0 && !last) x = add_noise_between(x, noise(x), rest, next);
  }
  return x;
}

}  // namespace sumi
