#pragma once

#include <cstdint>
#include <span>

#include "data/pattern.h"

namespace sumi {

struct Sprite;

/// A cut-out repeated without gaps in one colour: only its alpha counts.
struct Tiling {
  const Sprite* sprite = nullptr;
  Rgb colour{};
  double width = 0.8;               ///< of one repeat, as a share of the picture's side
  double phase_x = 0, phase_y = 0;  ///< in repeats
};

/// Paints over RGB floats (0 to 255) of a square picture; each pixel takes the mean over its area,
/// across the seams too.
void paint_tiling(const Tiling& tiling, std::span<float> canvas, int size_px);

}  // namespace sumi
