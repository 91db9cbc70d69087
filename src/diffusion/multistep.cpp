#include <algorithm>
#include <deque>

#include "diffusion/moves.h"
#include "diffusion/solvers.h"

namespace sumi {
namespace {

constexpr std::size_t kLongestHistory = 4;

/// The latest estimates, newest first.
void remember(std::deque<Tensor>& history, Tensor value) {
  history.push_front(std::move(value));
  if (history.size() > kLongestHistory) history.pop_back();
}

void needs_signal(std::span<const NoiseLevel> levels) {
  if (levels.front().alpha > 0) return;
  throw Error("this sampler cannot start from a level without any signal (zero terminal SNR)",
              "use Euler, DDIM or DPM++ 2M");
}

/// Coefficients, lowest power first, of the polynomial that is 1 at nodes[which] and 0 at the
/// others.
std::vector<double> lagrange(std::span<const double> nodes, std::size_t which) {
  std::vector<double> poly{1};
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    if (k == which) continue;
    const double scale = 1 / (nodes[which] - nodes[k]);
    poly.push_back(0);
    for (std::size_t p = poly.size() - 1; p > 0; --p)
      poly[p] = (poly[p - 1] - nodes[k] * poly[p]) * scale;
    poly[0] *= -nodes[k] * scale;
  }
  return poly;
}

/// Integral of a polynomial from 0 to `end`.
double integral(std::span<const double> poly, double end) {
  double sum = 0, power = end;
  for (std::size_t p = 0; p < poly.size(); ++p, power *= end)
    sum += poly[p] * power / double(p + 1);
  return sum;
}

/// Integral of poly(u) exp(u) from 0 to `end`; the antiderivative is exp(u) sum_k (-1)^k
/// poly^(k)(u).
double exponential_integral(std::vector<double> poly, double end) {
  double sum = 0, sign = 1;
  while (!poly.empty()) {
    double at_end = 0;
    for (std::size_t p = poly.size(); p-- > 0;) at_end = at_end * end + poly[p];
    sum += sign * (std::exp(end) * at_end - poly[0]);
    for (std::size_t p = 0; p + 1 < poly.size(); ++p) poly[p] = poly[p + 1] * double(p + 1);
    poly.pop_back();
    sign = -sign;
  }
  return sum;
}

/// Adams-Bashforth for d(x / alpha) / d ratio = noise: weights of the newest `order` estimates for
/// the step from levels[i], by interpolation in the ratio or in its logarithm.
std::vector<double> adams_weights(std::span<const NoiseLevel> levels, std::size_t i,
                                  std::size_t order, bool in_log) {
  const double from = levels[i].ratio(), to = levels[i + 1].ratio();
  std::vector<double> nodes, weights;  // nodes relative to the step's start
  for (std::size_t j = 0; j < order; ++j) {
    const double ratio = levels[i - j].ratio();
    nodes.push_back(in_log ? std::log(ratio / from) : ratio - from);
  }
  for (std::size_t j = 0; j < order; ++j) {
    const auto poly = lagrange(nodes, j);
    weights.push_back(in_log ? from * exponential_integral(poly, std::log(to / from))
                             : integral(poly, to - from));
  }
  return weights;
}

Tensor weighted(const std::deque<Tensor>& values, std::span<const double> weights) {
  Tensor sum = weights[0] * values[0];
  for (std::size_t j = 1; j < weights.size(); ++j) sum = sum + weights[j] * values[j];
  return sum;
}

Tensor sample_adams(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                    const SamplerOptions& options, bool in_log) {
  needs_signal(levels);
  std::deque<Tensor> history;
  const std::size_t steps = levels.size() - 1;
  for (std::size_t i = 0; i < steps; ++i) {
    const auto now = levels[i], next = levels[i + 1];
    auto guess = estimate(denoise, x, now);
    std::size_t order = std::min(std::size_t(options.order), i + 1);
    if (options.lower_order_final) order = std::min(order, steps - i);
    remember(history, guess.noise);
    if (in_log && next.sigma == 0) {  // the logarithm has no value there
      x = guess.clean;
      continue;
    }
    x = next.alpha * (x / now.alpha + weighted(history, adams_weights(levels, i, order, in_log)));
  }
  return x;
}

/// Adams-Bashforth weights for even steps.
std::span<const double> even_weights(std::size_t order) {
  static constexpr double kOne[] = {1}, kTwo[] = {3.0 / 2, -1.0 / 2},
                          kThree[] = {23.0 / 12, -16.0 / 12, 5.0 / 12},
                          kFour[] = {55.0 / 24, -59.0 / 24, 37.0 / 24, -9.0 / 24};
  static constexpr std::span<const double> kAll[] = {kOne, kTwo, kThree, kFour};
  return kAll[std::min<std::size_t>(order, 4) - 1];
}

/// What PNDM extrapolates: the noise estimate or the network's own output.
struct Extrapolated {
  const Denoiser& denoise;
  const SamplerOptions& options;

  Tensor ask(const Tensor& x, NoiseLevel at) const {
    const auto clean = denoise(x, at);
    return options.over_output ? network_output(*options.over_output, clean, x, at)
                               : noise_in(x, clean, at);
  }
  Tensor carry(const Tensor& x, const Tensor& value, NoiseLevel from, NoiseLevel to) const {
    if (!options.over_output) return along_noise(x, value, from, to);
    const auto scale = options.over_output->scalings(from);
    return along_noise(x, noise_in(x, scale.skip * x + scale.out * value, from), from, to);
  }
};

NoiseLevel landing(const SamplerOptions& options, std::span<const NoiseLevel> levels,
                   std::size_t i) {
  return options.landing.empty() ? levels[i + 1] : options.landing[i];
}

/// Classical Runge-Kutta over one step; returns the first slope for the history.
Tensor runge_kutta_step(const Extrapolated& slope, Tensor& x, NoiseLevel now, NoiseLevel next,
                        Halfway half) {
  const auto a = slope.ask(x, now);
  const auto b = slope.ask(slope.carry(x, a, now, half.landed), half.asked);
  const auto c = slope.ask(slope.carry(x, b, now, half.asked), half.asked);
  const auto d = slope.ask(slope.carry(x, c, now, next), next);
  x = slope.carry(x, a / 6 + b / 3 + c / 3 + d / 6, now, next);
  return a;
}

/// Extrapolates a value by the newest two or three, in lambda. Differences D1 and D2 of Lu et al.
/// 2022b, algorithm 2 and appendix B.
struct Differences {
  Tensor first, second;
};
Differences differences(const std::deque<Tensor>& values, std::span<const double> lambdas,
                        std::size_t i, std::size_t order, double h) {
  const double r0 = (lambdas[i] - lambdas[i - 1]) / h;
  const auto newest = (values[0] - values[1]) / r0;
  if (order == 2) return {newest, {}};
  const double r1 = (lambdas[i - 1] - lambdas[i - 2]) / h;
  const auto older = (values[1] - values[2]) / r1;
  const auto change = (newest - older) / (r0 + r1);
  return {newest + r0 * change, change};
}

}  // namespace

Tensor sample_lms(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                  const SamplerOptions& options, const NoiseSource&) {
  return sample_adams(denoise, std::move(x), levels, options, false);
}

Tensor sample_deis(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                   const SamplerOptions& options, const NoiseSource&) {
  return sample_adams(denoise, std::move(x), levels, options, true);
}

Tensor sample_pndm(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                   const SamplerOptions& options, const NoiseSource&) {
  const Extrapolated slope{denoise, options};
  std::deque<Tensor> history;
  const std::size_t steps = levels.size() - 1;
  std::size_t i = 0;
  if (options.runge_kutta_start) {
    for (; i < 3 && i + 1 < steps; ++i) {
      const auto middle = between(levels[i], levels[i + 1]);
      const auto half = options.halfway.empty() ? Halfway{middle, middle} : options.halfway[i];
      remember(history, runge_kutta_step(slope, x, levels[i], levels[i + 1], half));
    }
  } else if (steps > 1) {  // one improved Euler step
    const auto now = levels[0], next = levels[1];
    remember(history, slope.ask(x, now));
    const auto guess = slope.carry(x, history[0], now, landing(options, levels, 0));
    x = slope.carry(x, (history[0] + slope.ask(guess, next)) / 2, now, next);
    i = 1;
  }
  for (; i < steps; ++i) {
    remember(history, slope.ask(x, levels[i]));
    x = slope.carry(x, weighted(history, even_weights(history.size())), levels[i],
                    landing(options, levels, i));
  }
  return x;
}

Tensor sample_ipndm(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                    const SamplerOptions& options, const NoiseSource&) {
  const Extrapolated slope{denoise, options};
  std::deque<Tensor> history;
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    remember(history, slope.ask(x, levels[i]));
    const std::size_t order = std::min(history.size(), std::size_t(options.order));
    x = slope.carry(x, weighted(history, even_weights(order)), levels[i], levels[i + 1]);
  }
  return x;
}

Tensor sample_dpm_multistep(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                            const SamplerOptions& options, const NoiseSource& noise) {
  std::deque<Tensor> history;
  std::vector<double> lambdas;
  for (const auto level : levels) lambdas.push_back(log_signal(level));
  const std::size_t steps = levels.size() - 1;
  for (std::size_t i = 0; i < steps; ++i) {
    const auto now = levels[i], next = levels[i + 1];
    const auto clean = denoise(x, now);
    remember(history, options.over_clean ? clean : noise_in(x, clean, now));
    std::size_t order = std::min({std::size_t(options.order), i + 1, std::size_t(3)});
    if (options.lower_order_final) order = std::min(order, steps - i);
    const bool last = i + 1 == steps;
    if (next.sigma == 0 || (last && options.euler_at_final)) order = 1;

    // Over clean estimates the step in lambda counts backwards, and alpha and sigma change places.
    const double h = lambdas[i + 1] - lambdas[i], eta = options.eta;
    const double decay = eta == 0 ? 1 : std::exp(-eta * h);
    const double stretch = options.over_clean ? 1 + eta : 1 + eta * eta;
    const double hh = options.over_clean ? -stretch * h : h;
    const double keep =
        options.over_clean ? next.sigma / now.sigma * decay : next.alpha / now.alpha;
    const double scale = options.over_clean ? next.alpha : next.sigma * stretch;
    const double phi_1 = std::expm1(hh);
    x = keep * x - scale * phi_1 * history[0];
    if (order > 1) {
      const auto d = differences(history, lambdas, i, order, h);
      const bool midpoint = order == 2 && options.solver == Solver::midpoint;
      x = x - scale * (midpoint ? phi_1 / 2 : phi_1 / hh - 1) * d.first;
      if (order == 3) x = x - scale * ((phi_1 / hh - 1) / hh - 0.5) * d.second;
    }
    if (eta > 0 && next.sigma > 0) {
      const double fresh = options.over_clean ? std::sqrt(-std::expm1(-2 * eta * h))
                                              : eta * std::sqrt(std::expm1(2 * h));
      x = x + next.sigma * fresh * options.s_noise * noise(x);
    }
  }
  return x;
}

namespace {

/// The parts of UniPC's formulas that predictor and corrector share (Zhao et al. 2023, section 3).
struct UnifiedStep {
  NoiseLevel from, to;
  double hh;                   ///< signed step in lambda
  double phi_1, scale;         ///< e^hh - 1, and B(h)
  std::vector<double> ratios;  ///< r_k of older estimates, then 1
  std::vector<Tensor> slopes;  ///< (m_k - m_0) / r_k

  UnifiedStep(std::span<const NoiseLevel> levels, std::size_t i, std::size_t order,
              const std::deque<Tensor>& history, const SamplerOptions& options)
      : from(levels[i]), to(levels[i + 1]) {
    const double h = log_signal(to) - log_signal(from);
    hh = options.over_clean ? -h : h;
    phi_1 = std::expm1(hh);
    scale = options.solver == Solver::bh1 ? hh : phi_1;
    for (std::size_t k = 1; k < order; ++k) {
      ratios.push_back((log_signal(levels[i - k]) - log_signal(from)) / h);
      slopes.push_back((history[k] - history[0]) / ratios.back());
    }
    ratios.push_back(1);
  }

  /// Solves R rho = b for the first `count` ratios.
  std::vector<double> weights(std::size_t count) const {
    const auto n = std::int64_t(count);
    auto matrix = torch::empty({n, n}, torch::kFloat64), right = torch::empty({n}, torch::kFloat64);
    double phi = phi_1 / hh - 1, factorial = 1;
    for (std::int64_t row = 0; row < n; ++row) {
      for (std::int64_t k = 0; k < n; ++k)
        matrix[row][k] = std::pow(ratios[std::size_t(k)], double(row));
      right[row] = phi * factorial / scale;
      factorial *= double(row + 2);
      phi = phi / hh - 1 / factorial;
    }
    const auto solved = torch::linalg_solve(matrix, right);
    return {solved.data_ptr<double>(), solved.data_ptr<double>() + n};
  }

  Tensor first_order(const Tensor& x, const Tensor& newest, bool over_clean) const {
    return over_clean ? to.sigma / from.sigma * x - to.alpha * phi_1 * newest
                      : to.alpha / from.alpha * x - to.sigma * phi_1 * newest;
  }
  double outer(bool over_clean) const { return scale * (over_clean ? to.alpha : to.sigma); }
};

Tensor unipc_predict(const UnifiedStep& step, const Tensor& x, const Tensor& newest,
                     bool over_clean) {
  auto result = step.first_order(x, newest, over_clean);
  const std::size_t count = step.slopes.size();
  if (count == 0) return result;
  const auto rho = count == 1 ? std::vector<double>{0.5} : step.weights(count);
  for (std::size_t k = 0; k < count; ++k)
    result = result - step.outer(over_clean) * rho[k] * step.slopes[k];
  return result;
}

/// `reached` is the new estimate at step.to.
Tensor unipc_correct(const UnifiedStep& step, const Tensor& x, const Tensor& newest,
                     const Tensor& reached, bool over_clean) {
  const std::size_t count = step.slopes.size();
  const auto rho = count == 0 ? std::vector<double>{0.5} : step.weights(count + 1);
  auto sum = rho[count] * (reached - newest);
  for (std::size_t k = 0; k < count; ++k) sum = sum + rho[k] * step.slopes[k];
  return step.first_order(x, newest, over_clean) - step.outer(over_clean) * sum;
}

}  // namespace

Tensor sample_unipc(const Denoiser& denoise, Tensor x, std::span<const NoiseLevel> levels,
                    const SamplerOptions& options, const NoiseSource&) {
  needs_signal(levels);
  std::deque<Tensor> history;
  Tensor before;  // x at the step's start, corrected
  std::size_t order = 0;
  const std::size_t steps = levels.size() - 1;
  const bool over_clean = options.over_clean;
  for (std::size_t i = 0; i < steps; ++i) {
    auto guess = estimate(denoise, x, levels[i]);
    const auto value = over_clean ? guess.clean : guess.noise;
    const auto& skipped = options.uncorrected;
    if (i > 0 && std::find(skipped.begin(), skipped.end(), int(i) - 1) == skipped.end()) {
      const UnifiedStep step(levels, i - 1, order, history, options);
      x = unipc_correct(step, before, history[0], value, over_clean);
    }
    remember(history, value);
    order = std::min({std::size_t(options.order), i + 1, kLongestHistory});
    if (options.lower_order_final || levels[i + 1].sigma == 0) order = std::min(order, steps - i);
    before = x;
    x = unipc_predict(UnifiedStep(levels, i, order, history, options), x, history[0], over_clean);
  }
  return x;
}

}  // namespace sumi
