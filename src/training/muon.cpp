#include "training/muon.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace sumi {

Muon::Muon(const Tensor& weights, std::vector<MatrixSlice> matrices, double momentum,
           const StateMemory& memory)
    : matrices_(std::move(matrices)),
      decay_(momentum),
      momentum_(memory.zeros(weights.numel(), weights.options())) {}

void Muon::step(Tensor& weights, Tensor& gradients, double rate, double gradient_scale) {
  const c10::NoGradGuard no_grad;
  std::vector<Range> parts;
  for (const auto& one : matrices_)
    parts.push_back({one.start, one.start + one.rows * one.columns});
  part_by_part(parts, {weights, gradients, momentum_}, [&](std::size_t i) {
    const auto& [start, rows, columns, factor] = matrices_[i];
    const auto matrix = [&, r = rows, c = columns, s = start](const Tensor& flat) {
      return flat.narrow(0, s, r * c).view({r, c});
    };
    Tensor gradient = matrix(gradients), momentum = matrix(momentum_);
    if (gradient_scale != 1) gradient.mul_(gradient_scale);
    momentum.mul_(decay_).add_(gradient);
    gradient.add_(momentum, decay_);  // Nesterov's look ahead
    const double size = 0.2 * std::sqrt(static_cast<double>(std::max(rows, columns)));
    matrix(weights).add_(orthogonalised(gradient), -rate * factor * size);
    gradient.zero_();
  });
}

Tensor orthogonalised(const Tensor& x) {
  // The quintic whose iteration grows small singular values fastest (Jordan et al. 2024).
  constexpr double a = 3.4445, b = -4.7750, c = 2.0315;
  constexpr int kIterations = 5;
  const bool tall = x.size(0) > x.size(1);
  Tensor y = tall ? x.t() : x;
  y = y / (y.norm() + 1e-7);
  for (int i = 0; i < kIterations; ++i) {
    const Tensor gram = torch::mm(y, y.t());
    y = torch::addmm(y, torch::addmm(gram, gram, gram, b, c), y, a, 1);
  }
  return tall ? y.t() : y;
}

}  // namespace sumi
