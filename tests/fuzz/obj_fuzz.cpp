#include "model_inputs.h"

/// Any bytes as a Wavefront model, drawn where it is one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sumi::check_obj(sumi::as_text(data, size));
  return 0;
}
