#include <cstring>
#include <vector>

#include "weights/safetensors.h"
#include "weights_input.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sumi::answer_weights([&] { return sumi::read_safetensors(sumi::as_input(data, size), "input"); });
  return 0;
}

/// Changes the header and sets its length right, so that mutants get past the first check; one in
/// eight is changed anywhere.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  std::uint64_t length = 0;
  if (size >= sizeof length) std::memcpy(&length, data, sizeof length);
  if (seed % 8 == 0 || size < sizeof length || length > size - sizeof length ||
      max_size < size + 64)
    return LLVMFuzzerMutate(data, size, max_size);
  const std::size_t header_end = sizeof length + length;
  const std::vector<std::uint8_t> tail(data + header_end, data + size);
  length = LLVMFuzzerMutate(data + sizeof length, length, max_size - sizeof length - tail.size());
  std::memcpy(data, &length, sizeof length);
  if (!tail.empty()) std::memcpy(data + sizeof length + length, tail.data(), tail.size());
  return sizeof length + length + tail.size();
}
