#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "data/perceptual_hash.h"

namespace sumi {

/// Pairs of unit vectors whose cosine is `least` or more, sorted; `vectors` holds them one after
/// another, `width` numbers each. Up to 2,000 vectors are all compared. More are sorted by the
/// signs of random projections (Charikar 2002), 32 times by 24 signs each, and only compared where
/// those agree, with 16 others at most: of pairs with a cosine of 0.99 all but one in a hundred
/// thousand are found, of 0.97 all but one in a hundred. Time grows as n log n.
std::vector<NearPair> near_vectors(std::span<const float> vectors, std::size_t width, double least);

}  // namespace sumi
