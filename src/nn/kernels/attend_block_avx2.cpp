#include "nn/kernels/attend_block.h"
#include "nn/kernels/float_products.h"
#include "nn/kernels/lanes_avx2.h"

namespace sumi {

void attend_block_avx2(const AttentionBlock& block) {
  BlockAttention<FloatProducts<LanesAvx2>>(block).run();
}

}  // namespace sumi
