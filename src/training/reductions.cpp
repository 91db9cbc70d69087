#include "training/reductions.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace sumi {
namespace {

constexpr std::int64_t kChunk = 1 << 15;  // elements summed by one thread in one go

/// The sum of term(i) for i in 0 to `size`, chunk by chunk.
template <class Term>
double ordered_sum(std::int64_t size, const Term& term) {
  std::vector<double> sums(static_cast<std::size_t>((size + kChunk - 1) / kChunk));
  at::parallel_for(0, static_cast<std::int64_t>(sums.size()), 1,
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t chunk = begin; chunk < end; ++chunk) {
                       double sum = 0;
                       const std::int64_t last = std::min(size, (chunk + 1) * kChunk);
                       for (std::int64_t i = chunk * kChunk; i < last; ++i) sum += term(i);
                       sums[static_cast<std::size_t>(chunk)] = sum;
                     }
                   });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace

double squared_sum_of(const Tensor& flat) {
  const c10::NoGradGuard no_grad;
  if (!flat.is_cpu()) return flat.square().sum(torch::kDouble).item<double>();
  const float* x = flat.data_ptr<float>();
  return ordered_sum(flat.numel(),
                     [=](std::int64_t i) { return static_cast<double>(x[i]) * x[i]; });
}

double norm_of(const Tensor& flat) { return std::sqrt(squared_sum_of(flat)); }

double dot_of(const Tensor& a, const Tensor& b) {
  const c10::NoGradGuard no_grad;
  if (!a.is_cpu()) return (a * b).sum().item<double>();
  const float *x = a.data_ptr<float>(), *y = b.data_ptr<float>();
  return ordered_sum(a.numel(), [=](std::int64_t i) { return static_cast<double>(x[i]) * y[i]; });
}

double absolute_sum_of(const Tensor& flat) {
  const c10::NoGradGuard no_grad;
  if (!flat.is_cpu()) return flat.abs().sum().item<double>();
  const float* x = flat.data_ptr<float>();
  return ordered_sum(flat.numel(),
                     [=](std::int64_t i) { return std::abs(static_cast<double>(x[i])); });
}

double sum_in_order(const std::vector<double>& own) {
  return std::accumulate(own.begin(), own.end(), 0.0);
}

}  // namespace sumi
