#pragma once

namespace sumi {

/// Where curate draws the line; a picture beyond one of them is left out.
struct Thresholds {
  int min_side = 128;
  double max_aspect = 4;
  double min_sharpness = 20;
  double max_noise = 15;
  double max_blockiness = 0.5;
  int min_jpeg_quality = 30;
  double min_contrast = 4;
  double max_plain = 0.97;
  double max_border = 0.08;
  double max_watermark = 0.5;
  int min_words = 1;
  int max_words = 225;
  int max_repeats = 100;
  double min_match = -1;
  bool keep_near = false;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("min_side", self.min_side, "shorter side in pixels, at least; default 128");
    visit("max_aspect", self.max_aspect, "longer side over shorter, at most; default 4");
    visit("min_sharpness", self.min_sharpness,
          "variance of the Laplacian, at least; less is blurred; default 20");
    visit("max_noise", self.max_noise, "noise in 8-bit levels, at most; default 15");
    visit("max_blockiness", self.max_blockiness,
          "steps along JPEG's blocks over those elsewhere minus 1, at most; default 0.5");
    visit("min_jpeg_quality", self.min_jpeg_quality,
          "JPEG quality as the file's tables tell, at least; default 30");
    visit("min_contrast", self.min_contrast,
          "standard deviation of the brightness, at least; less is flat; default 4");
    visit("max_plain", self.max_plain, "share of pixels of one brightness, at most; default 0.97");
    visit("max_border", self.max_border,
          "share of the area that is bars or a frame, at most; default 0.08");
    visit("max_watermark", self.max_watermark,
          "likelihood of a mark in a corner, at most; default 0.5");
    visit("min_words", self.min_words, "words of a caption, at least; default 1");
    visit("max_words", self.max_words, "words of a caption, at most; default 225");
    visit("max_repeats", self.max_repeats,
          "pictures with the same caption, at most; the best stay; default 100");
    visit("min_match", self.min_match,
          "how well caption and picture fit, -1 to 1, where it was measured; default -1: any");
    visit("keep_near", self.keep_near, "near-duplicates stay; splits still never part them");
  }
};

}  // namespace sumi
