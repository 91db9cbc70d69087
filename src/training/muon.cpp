#include "training/muon.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/processor.h"
#include "nn/kernels/trained_products.h"
#include "nn/kernels/training_loops.h"

namespace sumi {
namespace {

// The quintic whose iteration grows small singular values fastest (Jordan et al. 2024).
constexpr double a = 3.4445, b = -4.7750, c = 2.0315;
constexpr int kIterations = 5;

Tensor iterated(Tensor y) {
  for (int i = 0; i < kIterations; ++i) {
    const Tensor gram = torch::mm(y, y.t());
    y = torch::addmm(y, torch::addmm(gram, gram, gram, b, c), y, a, 1);
  }
  return y;
}

/// bfloat16 where the processor multiplies it, as its authors do: the iteration forgives it.
Factors factors() { return processor().bf16 ? Factors::bf16 : Factors::fp32; }

bool kernels_multiply(const Tensor& y) {
  return y.is_cpu() && y.scalar_type() == torch::kFloat && y.numel() > 0 && multiplies(factors());
}

/// A matrix rounded to what is multiplied.
class Rounded {
 public:
  explicit Rounded(const Tensor& x) : numbers_(x) {
    if (factors() == Factors::fp32) return;
    halves_.resize(static_cast<std::size_t>(x.numel()));
    training_loops().to_bf16(x.data_ptr<float>(), x.numel(), halves_.data());
  }
  Factor factor(bool turned = false) const {
    if (halves_.empty()) return {numbers_.data_ptr<float>(), turned};
    return {halves_.data(), turned};
  }

 private:
  Tensor numbers_;
  std::vector<Bf16> halves_;
};

/// The same with products of this processor, summed up in float32.
Tensor iterated_by_kernels(Tensor y) {
  const auto rows = y.size(0), columns = y.size(1);
  Tensor gram = at::empty({rows, rows}, y.options()), square = at::empty_like(gram);
  for (int i = 0; i < kIterations; ++i) {
    const Rounded factor(y);
    TrainedProduct{rows, columns, rows, factors()}.run(factor.factor(), factor.factor(true),
                                                       nullptr, false, gram.data_ptr<float>());
    const Rounded left(gram);
    TrainedProduct{rows, rows, rows, factors()}.run(left.factor(), left.factor(), nullptr, false,
                                                    square.data_ptr<float>());
    const Rounded polynomial(square.mul_(c).add_(gram, b));
    y = y * a;
    TrainedProduct{rows, rows, columns, factors()}.run(polynomial.factor(), factor.factor(),
                                                       nullptr, true, y.data_ptr<float>());
  }
  return y;
}

}  // namespace

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
  const bool tall = x.size(0) > x.size(1);
  Tensor y = tall ? x.t() : x;
  y = (y / (y.norm() + 1e-7)).contiguous();
  y = kernels_multiply(y) ? iterated_by_kernels(std::move(y)) : iterated(std::move(y));
  return tall ? y.t() : y;
}

}  // namespace sumi
