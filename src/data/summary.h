#pragma once

#include "core/json.h"
#include "data/bucket_figures.h"
#include "data/judge.h"

namespace sumi {

/// A survey in numbers, as `sumi data inspect --json` prints it: counts, what is broken or missing
/// (the first 50 by name), quantiles of each measure, how many pictures each threshold would leave
/// out, how pictures fall into aspect buckets and what is cut away there, captions (length,
/// languages, vocabulary, repeats) and the balance of groups, tags, styles and licences. Throws
/// Error when `view` allows no bucket.
Json summarise(const Survey& survey, const Thresholds& thresholds, const BucketView& view = {});

/// Values of one measure for all readable pictures, by the names that the summary uses; sharpness,
/// noise, blockiness, jpeg_quality, contrast, plain, border, watermark, side, aspect, words, match.
std::vector<double> values_of(const Survey& survey, std::string_view measure);

}  // namespace sumi
