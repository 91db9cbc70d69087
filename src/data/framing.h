#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/config.h"
#include "media/image.h"

namespace sumi {

/// How whole pictures are cut to the size they are trained at.
struct FramingConfig {
  bool random_crop = false;
  double flips = 0;
  int variants = 0;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("random_crop", self.random_crop, "cut anywhere instead of from the middle");
    visit("flips", self.flips, "share of pictures mirrored left to right");
    visit("variants", self.variants,
          "so many crops and flips of each picture, which come again and can be kept on disk; 0: "
          "drawn anew each time");
  }
};

/// Throws Error naming the field.
void check(const FramingConfig& config);

/// One cut of a picture.
struct Framing {
  int width = 0, height = 0;  ///< of the result, in pixels
  double x = 0.5, y = 0.5;    ///< which part of what juts out is cut off on the left and above
  bool flipped = false;
};

/// The framing of a picture's `variant`: the same for the same id, seed and variant.
Framing draw_framing(const FramingConfig& config, int width, int height, std::uint64_t seed,
                     std::string_view id, std::uint64_t variant);

/// Scales a picture to cover the framing's size and cuts the rest off; keeps its channels. A mask
/// framed like its picture fits it.
Image framed(const Image& picture, const Framing& framing);

/// RGB of any picture: gray in three channels, transparency laid over white.
Image opaque(Image picture);

/// Two framings with the same text give the same pixels of the same picture.
std::string describe(const Framing& framing);

}  // namespace sumi
