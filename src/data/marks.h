#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "data/pattern.h"

namespace sumi {

enum class MarkKind {
  disc,     ///< radius `width`
  box,      ///< half sides `width` and `height`
  stroke,   ///< a line from the centre along `angle`, `width` long, `height` thick
  polygon,  ///< regular, `corners` corners on a circle of radius `width`
  star,     ///< `corners` points on a circle of radius `width`
  sector,   ///< of a disc of radius `width`, from `angle` over `height` radians
};

/// A plain shape on the unit square; lengths are shares of the picture's side, y runs down.
struct Mark {
  MarkKind kind = MarkKind::disc;
  double x = 0.5, y = 0.5;
  double width = 0.1, height = 0.1;
  double angle = 0;  ///< radians, clockwise
  int corners = 3;
  Rgb colour{};

  /// Signed distance from (px, py) to the edge, negative inside.
  double distance(double px, double py) const;
  /// No point of it is farther from (x, y).
  double reach() const;
};

/// Paints marks one over the other, with soft edges, on RGB floats (0 to 255) of a square picture.
void paint_marks(std::span<const Mark> marks, std::span<float> canvas, int size_px);

}  // namespace sumi
