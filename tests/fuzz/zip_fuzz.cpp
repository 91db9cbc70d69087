#include "model_inputs.h"

/// Any bytes as a zip archive.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sumi::check_zip(sumi::as_input(data, size));
  return 0;
}
