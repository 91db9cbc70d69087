#include "data_inputs.h"

/// Any bytes as CSV.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sumi::check_csv(sumi::as_text(data, size));
  return 0;
}
