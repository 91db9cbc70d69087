#include "diffusion/spacing.h"

#include <cmath>

namespace sumi {
namespace {

/// Continued fraction of the incomplete beta function (Abramowitz & Stegun 26.5.8), by Lentz's
/// method.
double beta_fraction(double x, double a, double b) {
  constexpr double kTiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::abs(d) < kTiny ? kTiny : d);
  double value = d;
  for (int m = 1; m < 500; ++m) {
    const double even_term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd_term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double change = 1;
    for (const double term : {even_term, odd_term}) {
      d = 1 + term * d;
      c = 1 + term / c;
      if (std::abs(d) < kTiny) d = kTiny;
      if (std::abs(c) < kTiny) c = kTiny;
      d = 1 / d;
      change = c * d;
      value *= change;
    }
    if (std::abs(change - 1) < 1e-15) break;
  }
  return value;
}

double beta_cumulative(double x, double a, double b) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  // The fraction converges fast only on this side of the mean.
  return x < (a + 1) / (a + b + 2) ? front * beta_fraction(x, a, b) / a
                                   : 1 - front * beta_fraction(1 - x, b, a) / b;
}

}  // namespace

std::vector<double> even(int n, double from, double to) {
  std::vector<double> values;
  for (int i = 0; i < n; ++i) values.push_back(n == 1 ? from : from + (to - from) * i / (n - 1));
  return values;
}

std::vector<double> karras_ratios(int n, double low, double high, double rho) {
  auto values = even(n, std::pow(high, 1 / rho), std::pow(low, 1 / rho));
  for (auto& v : values) v = std::pow(v, rho);
  return values;
}

std::vector<double> exponential_ratios(int n, double low, double high) {
  auto values = even(n, std::log(high), std::log(low));
  // Single precision, as the references compute it: the last digit decides which whole timestep a
  // level falls on.
  for (auto& v : values) v = std::exp(float(v));
  return values;
}

std::vector<double> polyexponential_ratios(int n, double low, double high, double rho) {
  auto values = even(n, 1, 0);
  for (auto& v : values)
    v = std::exp(std::pow(v, rho) * (std::log(high) - std::log(low)) + std::log(low));
  return values;
}

std::vector<double> beta_ratios(int n, double low, double high, double a, double b) {
  auto values = even(n, 1, 0);
  for (auto& v : values) v = low + beta_quantile(v, a, b) * (high - low);
  return values;
}

std::vector<double> vp_ratios(int n, double beta_span, double beta_min, double last) {
  auto values = even(n, 1, last);
  for (auto& t : values) t = std::sqrt(std::expm1(beta_span * t * t / 2 + beta_min * t));
  return values;
}

double beta_quantile(double p, double a, double b) {
  if (p <= 0) return 0;
  if (p >= 1) return 1;
  double low = 0, high = 1;
  for (int i = 0; i < 200 && high - low > 1e-16 * high; ++i) {
    const double middle = (low + high) / 2;
    (beta_cumulative(middle, a, b) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace sumi
