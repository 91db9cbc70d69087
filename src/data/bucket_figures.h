#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "data/buckets.h"

namespace sumi {

/// The world that a data set is looked at for.
struct BucketView {
  int size_px = 512;
  BucketConfig buckets = {.step_px = 64};
};

/// What one bucket would hold of a data set.
struct BucketFigure {
  PixelSize size;
  std::size_t pictures = 0;
  double cropped = 0;        ///< mean share of a picture's area that is cut away, 0 to 1
  std::size_t enlarged = 0;  ///< pictures smaller than the bucket, which are scaled up
};

/// The share of a picture's area that is cut away when it is scaled to cover `to`.
double cropped_share(PixelSize picture, PixelSize to);

/// How pictures of these sizes fall into the buckets of bucket_sizes(), one figure for each bucket,
/// the empty ones too. Throws Error as bucket_sizes() does.
std::vector<BucketFigure> bucket_figures(std::span<const PixelSize> pictures, int size_px,
                                         const BucketConfig& config);

}  // namespace sumi
