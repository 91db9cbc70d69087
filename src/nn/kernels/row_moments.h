#pragma once

#include <cmath>

#include "nn/kernels/vector.h"

// Included by one file per instruction set, as vector.h is.

namespace sumi {
namespace {

/// Mean and 1/deviation of one row. The first element is taken off before summing, so that a
/// common offset costs no digits.
inline void row_moments(const float* x, std::int64_t width, float epsilon, float* moments) {
  const auto visit_sum = [&](float centre, auto add) {
    over_channels(width, [&](std::int64_t c, std::int64_t count) {
      Floats offset = load(x + c, count) - centre;
      for (std::int64_t i = count; i < kLanes; ++i) offset[i] = 0;
      add(offset);
    });
  };
  Floats sum = {}, square = {};
  visit_sum(x[0], [&](Floats offset) { sum += offset; });
  const float mean = x[0] + sum_of(sum) / static_cast<float>(width);
  visit_sum(mean, [&](Floats offset) { square += offset * offset; });
  moments[0] = mean;
  moments[1] = 1.0f / std::sqrt(sum_of(square) / static_cast<float>(width) + epsilon);
}

}  // namespace
}  // namespace sumi
