#pragma once

#include <cstdint>
#include <span>

#include "core/json.h"
#include "core/tensor.h"

namespace sumi {

/// A figure and the two ends of its 95 % interval.
struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;
};

/// How often each of `count` things is drawn when `count` of them are drawn with replacement,
/// `repeats` times over. float64 [repeats, count]; the same seed gives the same numbers on every
/// machine.
Tensor resampled_counts(std::int64_t count, int repeats, std::uint64_t seed);

/// `count` of 0 … among - 1 without repetition, in random order. int64 [count].
Tensor drawn_without_repeats(std::int64_t count, std::int64_t among, std::uint64_t seed,
                             std::uint64_t draw);

/// A figure whose standard deviation is known: 1.96 of it either way.
Estimate with_deviation(double value, double deviation);

/// The normal bootstrap interval (Efron & Tibshirani 1993): 1.96 standard deviations of the
/// resampled figures either way. Resampling repeats pictures and so shifts a distance upwards; the
/// deviation does not see that shift, the percentiles would.
Estimate with_interval(double value, const Tensor& resampled);

/// The mean of one number per picture, with its bootstrap interval. values: float64 [N].
Estimate mean_with_interval(const Tensor& values, int repeats, std::uint64_t seed);

/// `hits` of `trials` with Wilson's interval.
Estimate rate_with_interval(std::int64_t hits, std::int64_t trials);

}  // namespace sumi
