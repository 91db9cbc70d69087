#pragma once

#include <string>
#include <vector>

#include "data/survey.h"
#include "data/thresholds.h"

namespace sumi {

/// One thing that speaks against a picture.
struct Verdict {
  std::string reason;     ///< "blurred"
  std::string value;      ///< what was measured
  std::string threshold;  ///< what was asked for
};

/// What speaks against a picture by itself: broken, too_small, aspect, blurred, noisy, blocky,
/// low_quality, flat, plain, border, watermark, no_caption, short_caption, long_caption, mismatch.
std::vector<Verdict> judge(const OwnPicture& picture, const PictureFacts& facts,
                           const Thresholds& thresholds);

/// From 0 to 1 for each picture: the mean rank of its size, sharpness, quietness and contrast among
/// all; 0 for one that cannot be read.
std::vector<double> quality_ranks(const Survey& survey);

}  // namespace sumi
