#include "model_inputs.h"

/// Any bytes as materials.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sumi::check_mtl(sumi::as_text(data, size));
  return 0;
}
