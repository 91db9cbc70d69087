#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/pattern.h"
#include "data/random.h"

namespace sumi {

/// Ways of spreading a palette over a plane.
enum class FieldKind {
  cells,      ///< each point takes the colour of the nearest of scattered seeds
  triangles,  ///< squares cut along their diagonals
  tiles,      ///< a mosaic of squares with joints
  rings,      ///< about one centre
  rays,       ///< from one centre
  flow,       ///< noise bent by noise, in smooth steps
  blend,      ///< three colours that run into each other
};

/// A picture without things: a pure function of position, the same at every size.
struct ColourField {
  FieldKind kind = FieldKind::cells;
  std::vector<Rgb> palette;
  double period = 0.2;  ///< of one repeat, as a share of the picture's side
  double centre_x = 0.5, centre_y = 0.5, angle = 0;
  std::uint64_t seed = 0;  ///< of the noise and of the cells' colours
};

/// A field of a kind, with its place and scale drawn at random.
ColourField drawn_field(Random& random, FieldKind kind, std::vector<Rgb> palette);

/// Fills RGB floats (0 to 255) of a square picture; edges are softened by sampling each pixel four
/// times.
void paint_field(const ColourField& field, std::span<float> canvas, int size_px);

}  // namespace sumi
