#pragma once

#include "core/tensor.h"

namespace sumi {

// Over flat fp32 buffers, in double and in an order that does not depend on the number of threads.

/// Euclidean length. Not finite when an element is not.
double norm_of(const Tensor& flat);

/// Sum of a's elements times those of b.
double dot_of(const Tensor& a, const Tensor& b);

/// Sum of the magnitudes.
double absolute_sum_of(const Tensor& flat);

}  // namespace sumi
