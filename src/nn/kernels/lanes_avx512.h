#pragma once

#include <immintrin.h>

namespace sumi {

/// Sixteen floats of AVX-512; see LanesPlain for what each name does.
struct LanesAvx512 {
  using Vector = __m512;
  static constexpr int kCount = 16;
  static constexpr int kTileRows = 8;

  /// GCC 12 takes the undefined operand inside the forms without a mask for a mistake; with every
  /// lane chosen the instruction is the same.
  static constexpr __mmask16 kAll = 0xFFFF;

  static Vector load(const float* from) { return _mm512_loadu_ps(from); }
  static void store(float* to, Vector a) { _mm512_storeu_ps(to, a); }
  static Vector broadcast(float value) { return _mm512_set1_ps(value); }
  static Vector add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
  static Vector subtract(Vector a, Vector b) { return _mm512_sub_ps(a, b); }
  static Vector multiply(Vector a, Vector b) { return _mm512_mul_ps(a, b); }
  static Vector divide(Vector a, Vector b) { return _mm512_div_ps(a, b); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  static Vector max(Vector a, Vector b) { return _mm512_maskz_max_ps(kAll, a, b); }
  static Vector scale_by_low_bits(Vector a, Vector bits) {
    const auto exponent = _mm512_maskz_slli_epi32(kAll, _mm512_castps_si512(bits), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), exponent));
  }
};

}  // namespace sumi
