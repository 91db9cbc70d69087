#pragma once

#include "nn/kernels/loops.h"
#include "nn/kernels/quantisation.h"

namespace sumi {

/// The way from numbers to bytes that `quantisation` reads back.
inline ByteScale byte_scale(Quantisation quantisation) {
  return {1 / quantisation.scale, static_cast<float>(quantisation.zero_point)};
}

}  // namespace sumi
