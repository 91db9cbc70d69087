#include "nn/kernels/attend_block.h"
#include "nn/kernels/float_products.h"
#include "nn/kernels/lanes_avx512.h"

namespace sumi {

void attend_block_avx512(const AttentionBlock& block) {
  BlockAttention<FloatProducts<LanesAvx512>>(block).run();
}

}  // namespace sumi
