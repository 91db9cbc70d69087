#include "data_inputs.h"

/// Any bytes as a record of metadata.jsonl or a JSON sidecar.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sumi::check_record(sumi::as_text(data, size));
  return 0;
}
