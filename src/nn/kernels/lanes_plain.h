#pragma once

#include <cstdint>
#include <cstring>

namespace sumi {

/// Four floats in the compiler's own vectors: SSE2, NEON or plain code. The kernels are templates
/// over such a struct. It is part of the name of everything they instantiate, so that no function
/// compiled for one instruction set can stand in for the same function of another.
struct LanesPlain {
  using Vector = float __attribute__((vector_size(16)));
  using Integers = std::uint32_t __attribute__((vector_size(16)));
  static constexpr int kCount = 4;     ///< floats of one vector
  static constexpr int kTileRows = 4;  ///< rows of a tile of accumulators, three vectors wide

  static Vector load(const float* from) {
    Vector a;
    std::memcpy(&a, from, sizeof(a));
    return a;
  }
  static void store(float* to, Vector a) { std::memcpy(to, &a, sizeof(a)); }
  static Vector broadcast(float value) { return Vector{value, value, value, value}; }
  static Vector add(Vector a, Vector b) { return a + b; }
  static Vector subtract(Vector a, Vector b) { return a - b; }
  static Vector multiply(Vector a, Vector b) { return a * b; }
  static Vector divide(Vector a, Vector b) { return a / b; }
  /// a * b + c
  static Vector fma(Vector a, Vector b, Vector c) { return a * b + c; }
  /// The larger one; b where one of them is not a number.
  static Vector max(Vector a, Vector b) { return a > b ? a : b; }
  /// a * 2^n, where n stands in the low bits of `bits`.
  static Vector scale_by_low_bits(Vector a, Vector bits) {
    return reinterpret_cast<Vector>(reinterpret_cast<Integers>(a) +
                                    (reinterpret_cast<Integers>(bits) << 23));
  }
};

}  // namespace sumi
