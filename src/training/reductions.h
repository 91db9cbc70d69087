#pragma once

#include <functional>
#include <vector>

#include "core/tensor.h"

namespace sumi {

// Over flat fp32 buffers, in double and in an order that does not depend on the number of threads.

/// Sum of the squares. Not finite when an element is not.
double squared_sum_of(const Tensor& flat);

/// Euclidean length. Not finite when an element is not.
double norm_of(const Tensor& flat);

/// Sum of a's elements times those of b.
double dot_of(const Tensor& a, const Tensor& b);

/// Sum of the magnitudes.
double absolute_sum_of(const Tensor& flat);

/// One number for each of this process's tensors, in; the sum over the tensors of all processes in
/// the buffer's order, out.
using TensorTotal = std::function<double(const std::vector<double>& own)>;

/// The total where there are no other processes.
double sum_in_order(const std::vector<double>& own);

}  // namespace sumi
