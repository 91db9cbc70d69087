#include <array>

#include "input.h"
#include "media/colour.h"

/// An ICC profile, put on gray, RGB and CMYK pictures.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto profile = sumi::as_input(data, size);
  constexpr std::array<std::uint8_t, 4> kColour = {10, 200, 90, 255};
  for (const int channels : {1, 3, 4})
    sumi::answer([&] {
      const auto before =
          sumi::filled_image(2, 2, std::span(kColour).first(static_cast<std::size_t>(channels)));
      const auto after = sumi::icc_to_srgb(before, profile);
      sumi::require(after.width == 2 && after.height == 2);
    });
  sumi::answer([&] { sumi::cmyk_to_rgb(1, 1, kColour, profile); });
  return 0;
}
