// Any bytes as a picture: PNG, JPEG or WebP, told by content.

#include <zlib.h>

#include <cstring>
#include <vector>

#include "input.h"
#include "media/metadata.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = sumi::as_input(data, size);
  sumi::answer([&] {
    const auto image = sumi::decode_image(bytes, "input", {std::uint64_t{1} << 16});
    const auto values = static_cast<std::size_t>(image.width) *
                        static_cast<std::size_t>(image.height) *
                        static_cast<std::size_t>(image.channels);
    sumi::require(image.width > 0 && image.height > 0 && image.pixels.size() == values);
  });
  sumi::answer([&] { sumi::read_metadata(bytes, "input").infotext(); });
  return 0;
}

namespace {

std::uint32_t big32(const std::uint8_t* at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 |
         at[3];
}

/// Sets the checksum of each PNG chunk right, so that mutants get past it.
void mend_checksums(std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kSignature = 8, kAround = 12;
  if (size < kSignature || std::memcmp(data, "\x89PNG\r\n\x1a\n", kSignature) != 0) return;
  for (std::size_t at = kSignature; size - at >= kAround;) {
    const std::size_t length = big32(data + at);
    if (length > size - at - kAround) return;
    const auto sum =
        static_cast<std::uint32_t>(crc32(0, data + at + 4, static_cast<unsigned>(length + 4)));
    std::uint8_t* place = data + at + 8 + length;
    for (int i = 0; i < 4; ++i) place[i] = static_cast<std::uint8_t>(sum >> (24 - 8 * i));
    at += kAround + length;
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 8 != 0) mend_checksums(data, size);
  return size;
}
