#pragma once

#include <cstdint>
#include <memory>

namespace sumi {

/// What a layer does to its result.
enum class Activation { none, silu, gelu };

/// y = activation(x W^T + b) with the weights laid out for this processor once. Not for use by two
/// threads at a time; a call itself uses all OpenMP threads.
class PackedLinear {
 public:
  /// weight: [out, in]; bias: [out] or null. Both are copied.
  PackedLinear(std::int64_t in, std::int64_t out, const float* weight, const float* bias,
               Activation activation = Activation::none);
  PackedLinear(PackedLinear&&) noexcept;
  PackedLinear& operator=(PackedLinear&&) noexcept;
  ~PackedLinear();

  /// x: [rows, in] -> out: [rows, out], plus `residual` [rows, out] where given, which may be `out`
  /// itself. False, with nothing written, where this processor has no such product: compute it in
  /// another way.
  [[nodiscard]] bool run(const float* x, std::int64_t rows, float* out,
                         const float* residual = nullptr);

  /// Memory the weights take.
  std::size_t bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sumi
