#include "model_inputs.h"

/// Any bytes as a furniture catalogue's properties.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sumi::check_catalogue(sumi::as_text(data, size));
  return 0;
}
