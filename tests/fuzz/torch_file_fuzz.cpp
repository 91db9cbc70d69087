#include "weights/torch_file.h"
#include "weights_input.h"

/// Zip archives and the older form, told apart as for a file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sumi::answer_weights([&] { return sumi::read_weights(sumi::as_input(data, size), "input"); });
  return 0;
}
