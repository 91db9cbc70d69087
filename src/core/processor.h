#pragma once

namespace sumi {

/// Instruction sets that kernels with several versions ask for, of the processor this runs on and
/// of what its operating system saves. All false where the processor is not an x86-64.
struct Processor {
  bool amd = false;     ///< made by AMD
  bool avx2 = false;    ///< AVX2 and FMA
  bool avx512 = false;  ///< AVX-512 F, BW, VL and DQ
  bool vnni = false;    ///< avx512, and AVX-512 VNNI: products of 8- and 16-bit integers
  bool bf16 = false;    ///< avx512, and AVX-512 BF16: products of bfloat16
};

/// Detected at the first call.
const Processor& processor();

}  // namespace sumi
