#include "input.h"
#include "media/exif.h"
#include "text/unicode.h"

/// An EXIF block: damaged ones give what is readable, always as UTF-8.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sumi::answer([&] {
    const auto exif = sumi::parse_exif(sumi::as_input(data, size));
    sumi::require(exif.orientation >= 1 && exif.orientation <= 8);
    sumi::require(sumi::try_decode_utf8(exif.user_comment).has_value());
    for (const auto& [name, value] : exif.fields)
      sumi::require(sumi::try_decode_utf8(value).has_value());
  });
  return 0;
}
