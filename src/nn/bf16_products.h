#pragma once

#include "core/tensor.h"

namespace sumi {

/// While one that was made with `on` lives, Linear and Conv2d of this thread multiply in bfloat16
/// where gradients are wanted: input, weight and bias are rounded to it, products are summed in
/// float, the result comes back as float, and so does the gradient to the weight, which stays
/// float. Everything else (norms, softmax, sums, losses) computes in float as ever. Without
/// gradients nothing changes.
class Bf16Products {
 public:
  explicit Bf16Products(bool on);
  ~Bf16Products();
  Bf16Products(const Bf16Products&) = delete;
  Bf16Products& operator=(const Bf16Products&) = delete;

  /// Whether this thread is inside of one.
  static bool are_on();

 private:
  bool before_;
};

/// layer(x, weight, bias) in bfloat16, as float; bias may be undefined.
template <class Layer>
Tensor in_bf16(const Layer& layer, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const auto rounded = [](const Tensor& tensor) {
    return tensor.defined() ? tensor.to(torch::kBFloat16) : tensor;
  };
  return layer(rounded(x), rounded(weight), rounded(bias)).to(torch::kFloat);
}

}  // namespace sumi
