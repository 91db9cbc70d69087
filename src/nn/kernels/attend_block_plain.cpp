#include "nn/kernels/attend_block.h"
#include "nn/kernels/float_products.h"
#include "nn/kernels/lanes_plain.h"

namespace sumi {

void attend_block_plain(const AttentionBlock& block) {
  BlockAttention<FloatProducts<LanesPlain>>(block).run();
}

}  // namespace sumi
