// libFuzzer: any bytes as a picture. Only Error may come out.

#include "core/error.h"
#include "media/metadata.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    sumi::decode_image(bytes, "fuzz", {std::uint64_t{1} << 20});
  } catch (const sumi::Error&) {
  }
  try {
    sumi::read_metadata(bytes, "fuzz");
  } catch (const sumi::Error&) {
  }
  return 0;
}
