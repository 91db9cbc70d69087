#include "data_inputs.h"

/// Any bytes as a file of a DiskCache.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sumi::check_kept(sumi::as_input(data, size));
  return 0;
}
