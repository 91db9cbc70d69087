#pragma once

#include <functional>
#include <vector>

#include "core/tensor.h"

namespace sumi {

/// A stretch of one axis, [begin, end).
struct Span1d {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// Cuts `length` into stretches of at most `tile` that overlap by at least `overlap` and start
/// evenly spaced. One stretch when length <= tile. Requires 0 <= overlap < tile.
std::vector<Span1d> tile_axis(std::int64_t length, std::int64_t tile, std::int64_t overlap);

/// Applies `function` to overlapping tiles of x [N, C, H, W] and blends the results with
/// raised-cosine weights, so that no tile's edge shows. `function` scales the spatial axes by
/// `numerator / denominator` (8/1 for a decoder, 1/8 for an encoder); tile and overlap are in units
/// of x and must be multiples of `denominator`.
Tensor map_tiles(const Tensor& x, std::int64_t tile, std::int64_t overlap, int numerator,
                 int denominator, const std::function<Tensor(const Tensor&)>& function);

}  // namespace sumi
