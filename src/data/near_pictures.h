#pragma once

#include <span>
#include <vector>

#include "data/perceptual_hash.h"
#include "data/picture_measures.h"

namespace sumi {

/// Pairs of pictures whose hashes differ in at most `distance` of 64 bits and whose colours by at
/// most `colour` 8-bit levels in the mean, by their places in `measures`. Where more than 512 have
/// the same hash, that alone joins them, each to the first.
std::vector<NearPair> near_pictures(std::span<const PictureMeasures* const> measures, int distance,
                                    double colour);

}  // namespace sumi
