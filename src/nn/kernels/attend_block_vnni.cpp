#include "nn/kernels/attend_block.h"
#include "nn/kernels/integer_products.h"

namespace sumi {

void attend_block_int8(const AttentionBlock& block) {
  BlockAttention<IntegerProducts<8>>(block).run();
}

void attend_block_int16(const AttentionBlock& block) {
  BlockAttention<IntegerProducts<16>>(block).run();
}

}  // namespace sumi
