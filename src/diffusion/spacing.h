#pragma once

#include <vector>

namespace sumi {

// n noise-to-signal ratios from `high` down to `low`, without the final zero.

/// Karras et al. 2022, eq. 5.
std::vector<double> karras_ratios(int n, double low, double high, double rho = 7);
/// Even in log ratio.
std::vector<double> exponential_ratios(int n, double low, double high);
/// Powers of an even ramp in log ratio (k-diffusion).
std::vector<double> polyexponential_ratios(int n, double low, double high, double rho = 1);
/// Quantiles of the beta distribution (Lee et al. 2024).
std::vector<double> beta_ratios(int n, double low, double high, double a = 0.6, double b = 0.6);
/// The continuous variance-preserving process of Song et al. 2021, down to time `last`.
std::vector<double> vp_ratios(int n, double beta_span = 19.9, double beta_min = 0.1,
                              double last = 1e-3);

/// n values from `from` to `to`, both included; n = 1 gives `from`.
std::vector<double> even(int n, double from, double to);

/// The x at which the beta distribution's cumulative probability is p (0 … 1).
double beta_quantile(double p, double a, double b);

}  // namespace sumi
