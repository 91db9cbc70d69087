#pragma once

#include <string>
#include <vector>

#include "core/tensor.h"
#include "data/loader.h"

namespace sumi {

/// What one training step sees.
struct Batch {
  Tensor pictures;                    ///< [batch, 3, height, width] float, -1 black to 1 white
  std::vector<std::string> captions;  ///< one for each picture
  std::uint64_t next_index = 0;       ///< the loader position after this batch
};

/// A picture's bytes as [1, channels, height, width] floats from -1 to 1.
Tensor to_tensor(const Image& picture);

/// Stacks samples of one size. Throws Error when sizes differ or the batch is empty.
Batch to_batch(const SampleBatch& samples);

}  // namespace sumi
