#include "nn/kernels/attend_block.h"
#include "nn/kernels/lanes_avx2.h"

namespace sumi {

void attend_block_avx2(const AttentionBlock& block) { BlockAttention<LanesAvx2>(block).run(); }

}  // namespace sumi
