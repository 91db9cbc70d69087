#pragma once

#include <vector>

#include "training/parameter_buffer.h"
#include "training/processes.h"

namespace sumi {

/// The part of a flat buffer that one process updates (ZeRO's first stage, Rajbhandari et al.
/// 2020): whole tensors that follow each other, so that rules which look at whole matrices need no
/// others.
struct Shard {
  Range range;
  std::vector<ParameterSlice> slices;  ///< their starts counted from the range's first element
};

/// `count` shards of nearly equal size that cover the buffer; some are empty where there are fewer
/// tensors.
std::vector<Shard> shards_of(const ParameterBuffer& parameters, int count);

}  // namespace sumi
