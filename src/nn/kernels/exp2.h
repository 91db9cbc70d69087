#pragma once

namespace sumi {

/// 2^x of every lane for x <= 0, relative error below 1.5e-7; exactly 0 from x = -127 down, not a
/// number where x is none. x = n + r with |r| <= 1/2; 2^r by a minimax polynomial of degree 6.
template <class Lanes>
typename Lanes::Vector exp2(typename Lanes::Vector x) {
  constexpr float kCoefficients[] = {1.55946778e-4F,
                                     1.34066434e-3F,
                                     9.61769279e-3F,
                                     5.55031039e-2F,
                                     2.40226522e-1F,
                                     6.93147242e-1F,
                                     1.0F};
  // Adding 1.5 * 2^23 leaves n in the low bits of the sum.
  const auto magic = Lanes::broadcast(12582912.0F);
  // At -127 the polynomial is exactly 1, and its exponent becomes exactly that of 0.
  const auto clamped = Lanes::max(Lanes::broadcast(-127.0F), x);
  const auto shifted = Lanes::add(clamped, magic);
  const auto rest = Lanes::subtract(clamped, Lanes::subtract(shifted, magic));
  auto power = Lanes::broadcast(kCoefficients[0]);
#pragma GCC unroll 6
  for (int i = 1; i < 7; ++i) power = Lanes::fma(power, rest, Lanes::broadcast(kCoefficients[i]));
  return Lanes::scale_by_low_bits(power, shifted);
}

}  // namespace sumi
