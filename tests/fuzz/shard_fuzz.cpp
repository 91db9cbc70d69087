#include "data_inputs.h"

/// Any bytes as a WebDataset shard.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sumi::check_shard(sumi::as_input(data, size));
  return 0;
}
