#pragma once

#include <immintrin.h>

namespace sumi {

/// Eight floats of AVX2 with FMA; see LanesPlain for what each name does.
struct LanesAvx2 {
  using Vector = __m256;
  static constexpr int kCount = 8;
  static constexpr int kTileRows = 4;

  static Vector load(const float* from) { return _mm256_loadu_ps(from); }
  static void store(float* to, Vector a) { _mm256_storeu_ps(to, a); }
  static Vector broadcast(float value) { return _mm256_set1_ps(value); }
  static Vector add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
  static Vector subtract(Vector a, Vector b) { return _mm256_sub_ps(a, b); }
  static Vector multiply(Vector a, Vector b) { return _mm256_mul_ps(a, b); }
  static Vector divide(Vector a, Vector b) { return _mm256_div_ps(a, b); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
  static Vector max(Vector a, Vector b) { return _mm256_max_ps(a, b); }
  static Vector scale_by_low_bits(Vector a, Vector bits) {
    const auto exponent = _mm256_slli_epi32(_mm256_castps_si256(bits), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), exponent));
  }
};

}  // namespace sumi
