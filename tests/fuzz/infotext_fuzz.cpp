#include "input.h"
#include "text/infotext.h"

/// Any text is an infotext, and what is read from it can be written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto infotext = sumi::parse_infotext(sumi::as_text(data, size));
  sumi::answer([&] {
    const auto text = sumi::write_infotext(infotext);
    sumi::require(sumi::parse_infotext(text) == infotext);
  });
  const auto [width, height] = sumi::parse_size(sumi::as_text(data, size));
  sumi::require(width >= 0 && height >= 0);
  return 0;
}
