#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "training/state_memory.h"

namespace sumi {

/// A matrix inside a flat buffer; a convolution's kernel is one row per output channel.
struct MatrixSlice {
  std::int64_t start = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  double rate = 1;  ///< factor of the learning rate
};

/// Muon (Jordan et al. 2024): each matrix moves along its momentum with all singular values brought
/// near one, by five Newton-Schulz steps; scaled by 0.2 sqrt(max(rows, columns)), so that AdamW's
/// learning rates fit (Liu et al. 2025, eq. 4). It takes the gradients of its matrices and leaves
/// zeros, so that AdamW after it moves only the rest, and decays everything.
class Muon {
 public:
  Muon(const Tensor& weights, std::vector<MatrixSlice> matrices, double momentum,
       const StateMemory& memory = {});

  /// One update of `weights` from `gradients` times `gradient_scale`; both flat fp32.
  void step(Tensor& weights, Tensor& gradients, double rate, double gradient_scale = 1);

  const Tensor& momentum() const { return momentum_; }  ///< flat, as the weights

 private:
  std::vector<MatrixSlice> matrices_;
  double decay_;
  Tensor momentum_;
};

/// The nearest matrix with all singular values about one (0.7 to 1.2), by products of bfloat16
/// where the processor has them, summed up in float32. x: [rows, columns].
Tensor orthogonalised(const Tensor& x);

}  // namespace sumi
