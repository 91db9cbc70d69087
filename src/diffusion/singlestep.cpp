#include <algorithm>
#include <vector>

#include "diffusion/moves.h"
#include "diffusion/solvers.h"

namespace sumi {
namespace {

/// How many levels each singlestep block spans: `order` as often as it fits, then what is left.
/// With `first_order_end` the very last step is of first order, as it must be when it ends without
/// noise.
std::vector<int> blocks(int steps, int order, bool first_order_end) {
  const int whole = first_order_end ? steps - 1 : steps;
  std::vector<int> sizes(std::size_t(whole / order), order);
  if (whole % order > 0) sizes.push_back(whole % order);
  if (first_order_end) sizes.push_back(1);
  return sizes;
}

/// Second- or third-order step from `base` over the block's first levels (Lu et al. 2022, eq. 3.7
/// and algorithm 2). values: estimates at base, then at the levels between, oldest first.
Tensor block_step(const Tensor& x, const std::vector<Tensor>& values,
                  std::span<const NoiseLevel> levels, NoiseLevel to,
                  const SamplerOptions& options) {
  const auto base = levels[0];
  const bool over_clean = options.over_clean;
  const double h = log_signal(to) - log_signal(base);
  const double hh = over_clean ? -h : h, phi_1 = std::expm1(hh);
  const double scale = over_clean ? to.alpha : to.sigma;
  const double keep = over_clean ? to.sigma / base.sigma : to.alpha / base.alpha;
  Tensor result = keep * x - scale * phi_1 * values[0];
  if (values.size() == 1) return result;
  const auto r = [&](std::size_t k) { return (log_signal(levels[k]) - log_signal(base)) / h; };
  if (values.size() == 2) {
    const double weight = options.solver == Solver::midpoint ? phi_1 / 2 : phi_1 / hh - 1;
    return result - scale * weight / r(1) * (values[1] - values[0]);
  }
  const double r1 = r(1), r2 = r(2), phi_2 = phi_1 / hh - 1;
  const auto near = (values[1] - values[0]) / r1, far = (values[2] - values[0]) / r2;
  if (options.solver == Solver::midpoint) return result - scale * phi_2 * far;
  const auto first = (r2 * near - r1 * far) / (r2 - r1);
  const auto second = 2 * (far - near) / (r2 - r1);
  return result - scale * phi_2 * first - scale * (phi_2 / hh - 0.5) * second;
}

}  // namespace

Tensor sample_dpm_singlestep(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                             const SamplerOptions& options, const NoiseSource&) {
  const int steps = int(levels.size()) - 1, order = std::clamp(options.order, 1, 3);
  const bool first_order_end = options.lower_order_final || levels.back().sigma == 0;
  std::size_t start = 0;
  for (const int size : blocks(steps, order, first_order_end)) {
    const Tensor base = x;
    std::vector<Tensor> values;
    for (int k = 0; k < size; ++k) {
      const auto now = levels[start + std::size_t(k)];
      const auto clean = denoise(x, now);
      values.push_back(options.over_clean ? clean : noise_in(x, clean, now));
      x = block_step(base, values, levels.subspan(start), levels[start + std::size_t(k) + 1],
                     options);
    }
    start += std::size_t(size);
  }
  return x;
}

Tensor sample_dpmpp_2s_ancestral(const Denoiser& denoise, Tensor x,
                                 std::span<const NoiseLevel> levels, const SamplerOptions& options,
                                 const NoiseSource& noise) {
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    const auto now = levels[i], next = levels[i + 1];
    const auto split = ancestral(now, next, options.eta);
    const NoiseLevel down{next.alpha, split.down};
    auto clean = denoise(x, now);
    if (down.sigma > 0 && now.alpha > 0) {
      const auto middle = between(now, down);
      clean = denoise(along_clean(x, clean, now, middle), middle);
    }
    x = along_clean(x, clean, now, down);
    if (split.up > 0) x = x + split.up * options.s_noise * noise(x);
  }
  return x;
}

Tensor sample_dpmpp_sde(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                        const SamplerOptions& options, const NoiseSource& noise) {
  const auto jump = [&](const Tensor& clean, NoiseLevel from, NoiseLevel to) {
    const auto split = ancestral(from, to, options.eta);
    const auto landed = along_clean(x, clean, from, {to.alpha, split.down});
    return split.up > 0 ? landed + split.up * options.s_noise * noise(x) : landed;
  };
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    const auto now = levels[i], next = levels[i + 1];
    auto clean = denoise(x, now);
    if (next.sigma > 0 && now.alpha > 0) {
      const auto middle = between(now, next);
      clean = denoise(jump(clean, now, middle), middle);
    }
    x = jump(clean, now, next);
  }
  return x;
}

namespace {

/// DPM-Solver's single steps over noise estimates in the ratio (alpha = 1), Lu et al. 2022, eq. 3.4
/// and algorithms 1 and 2, as k-diffusion's fast and adaptive samplers use them.
struct RatioSolver {
  const Denoiser& denoise;

  Tensor noise_at(const Tensor& x, double lambda) const {
    return estimate(denoise, x, exploding(std::exp(-lambda))).noise;
  }
  static Tensor first(const Tensor& x, const Tensor& e, double from, double to) {
    return x - std::exp(-to) * std::expm1(to - from) * e;
  }
  Tensor ask(const Tensor& x, const Tensor& e, double from, double to, double r) const {
    const double middle = from + r * (to - from);
    return noise_at(first(x, e, from, middle), middle);
  }
  static Tensor second(const Tensor& x, const Tensor& e, const Tensor& e_r, double from, double to,
                       double r) {
    const double grow = std::exp(-to) * std::expm1(to - from);
    return x - grow * e - grow / (2 * r) * (e_r - e);
  }
  Tensor third(const Tensor& x, const Tensor& e, const Tensor& e_r, double from, double to) const {
    constexpr double r1 = 1.0 / 3, r2 = 2.0 / 3;
    const double h = to - from, middle = from + r2 * h;
    const auto bend = [](double step) { return std::expm1(step) / step - 1; };
    const auto guess =
        first(x, e, from, middle) - std::exp(-middle) * (r2 / r1) * bend(r2 * h) * (e_r - e);
    return first(x, e, from, to) - std::exp(-to) / r2 * bend(h) * (noise_at(guess, middle) - e);
  }
};

/// Where an ancestral step in lambda lands, and how much noise it adds.
struct RatioSplit {
  double lambda, up;
};
RatioSplit split_lambda(double from, double to, double end, double eta) {
  if (eta == 0) return {to, 0};
  const auto split = ancestral(exploding(std::exp(-from)), exploding(std::exp(-to)), eta);
  const double lambda = std::min(end, -std::log(split.down));
  return {lambda, std::sqrt(std::exp(-2 * to) - std::exp(-2 * lambda))};
}

/// The end of an adaptive run: the last level with noise.
double last_lambda(std::span<const NoiseLevel> levels) {
  for (std::size_t i = levels.size(); i-- > 0;)
    if (levels[i].sigma > 0) return log_signal(levels[i]);
  throw Error("no level with noise to sample from", "use at least 2 steps");
}

void needs_signal(std::span<const NoiseLevel> levels) {
  if (levels.front().alpha > 0) return;
  throw Error("this sampler cannot start from a level without any signal (zero terminal SNR)",
              "use Euler, DDIM or DPM++ 2M");
}

/// Holds the error of a step near 1 (Söderlind 2003), as k-diffusion's integral controller.
class StepSize {
 public:
  StepSize(double h, double order) : h_(h), power_(1 / order) {}
  double h() const { return h_; }
  /// Scales the step for an error relative to its tolerance; says whether to keep the step made.
  bool accept(double error) {
    const double factor = 1 + std::atan(std::pow(1 / (error + 1e-8), power_) - 1);
    h_ *= factor;
    return factor >= 0.81;
  }

 private:
  double h_, power_;
};

}  // namespace

Tensor sample_dpm_fast(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                       const SamplerOptions& options, const NoiseSource& noise) {
  needs_signal(levels);
  const RatioSolver solver{denoise};
  const double begin = log_signal(levels.front()), end = last_lambda(levels);
  const int calls = int(levels.size()) - 1, count = calls / 3 + 1;
  std::vector<int> orders(std::size_t(calls % 3 == 0 ? count - 2 : count - 1), 3);
  if (calls % 3 == 0) orders.push_back(2);
  orders.push_back(calls % 3 == 0 ? 1 : calls % 3);
  x = x / levels.front().alpha;
  for (std::size_t i = 0; i < orders.size(); ++i) {
    const double from = begin + (end - begin) * double(i) / count;
    const double to = begin + (end - begin) * double(i + 1) / count;
    const auto split = split_lambda(from, to, end, options.eta);
    const auto e = solver.noise_at(x, from);
    if (orders[i] == 1) {
      x = RatioSolver::first(x, e, from, split.lambda);
    } else if (orders[i] == 2) {
      const auto e_r = solver.ask(x, e, from, split.lambda, 0.5);
      x = RatioSolver::second(x, e, e_r, from, split.lambda, 0.5);
    } else {
      x = solver.third(x, e, solver.ask(x, e, from, split.lambda, 1.0 / 3), from, split.lambda);
    }
    if (split.up > 0) x = x + split.up * options.s_noise * noise(x);
  }
  return x * levels.back().alpha;
}

Tensor sample_dpm_adaptive(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                           const SamplerOptions& options, const NoiseSource& noise) {
  constexpr double kRelative = 0.05, kAbsolute = 0.0078, kFirstStep = 0.05;
  constexpr int kMostSteps = 10'000;
  needs_signal(levels);
  const RatioSolver solver{denoise};
  double now = log_signal(levels.front());
  const double end = last_lambda(levels);
  const int order = std::clamp(options.order, 2, 3);
  StepSize size(kFirstStep, options.eta > 0 ? 1.5 : order);
  x = x / levels.front().alpha;
  Tensor before = x;
  for (int i = 0; now < end - 1e-5; ++i) {
    if (i == kMostSteps)
      throw Error("the adaptive sampler found no step small enough", "use another sampler");
    const double next = std::min(end, now + size.h());
    const auto split = split_lambda(now, next, end, options.eta);
    const auto e = solver.noise_at(x, now);
    const double r = order == 2 ? 0.5 : 1.0 / 3;
    const auto e_r = solver.ask(x, e, now, split.lambda, r);
    const auto second = RatioSolver::second(x, e, e_r, now, split.lambda, r);
    const auto low = order == 2 ? RatioSolver::first(x, e, now, split.lambda) : second;
    const auto high = order == 2 ? second : solver.third(x, e, e_r, now, split.lambda);
    const auto tolerance =
        torch::maximum(low.abs(), before.abs()).mul(kRelative).clamp_min(kAbsolute);
    const double error =
        ((low - high) / tolerance).norm().item<double>() / std::sqrt(double(x.numel()));
    if (!std::isfinite(error))
      throw Error("the adaptive sampler met a value that is not a number",
                  "use another sampler or full precision");
    if (!size.accept(error)) continue;
    before = low;
    x = split.up > 0 ? high + split.up * options.s_noise * noise(x) : high;
    now = next;
  }
  return x * levels.back().alpha;
}

}  // namespace sumi
