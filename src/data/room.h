#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/pattern.h"
#include "data/random.h"

namespace sumi {

/// What a wall or a floor is made of.
enum class CoveringKind {
  plain,
  stripes,  ///< wallpaper
  bricks,
  tiles,   ///< with joints
  checks,  ///< tiles of two colours
  boards,  ///< wooden: upright on walls, towards the viewer on floors
};

/// The look of a plane, one unit of which is as wide as the picture's side at the wall.
struct Covering {
  CoveringKind kind = CoveringKind::plain;
  Rgb first{}, second{};   ///< main colour; joints, stripes or every second tile
  double period = 0.1;     ///< of one stripe pair, brick length, tile or board
  std::uint64_t seed = 0;  ///< of what differs from brick to brick
  std::string words = "";  ///< "blue", "red brick", "wooden"; a noun follows

  /// RGB (0 to 255) at (u, v), v along boards.
  std::array<float, 3> at(double u, double v) const;
};

/// A wall seen straight from the front and the floor before it, as shares of the picture's side.
struct Room {
  Covering wall, floor;
  double edge = 0.6;      ///< height at which the floor meets the wall, from the top
  double horizon = 0;     ///< of the eye's height, above the edge
  Rgb skirting{};         ///< colour of the board along the wall's foot
  double light_from = 0;  ///< -1: the wall is lighter on the left; 1: on the right
};

/// A wall and a floor against which things of these colours stand out, if a few tries find them.
Room drawn_room(Random& random, std::span<const Rgb> things);

/// Fills RGB floats (0 to 255) of a square picture; each pixel is sampled four times.
void paint_room(const Room& room, std::span<float> canvas, int size_px);

/// Where a sprite lies on the picture, in shares of its side.
struct Footing {
  double left = 0, top = 0, width = 1, height = 1;
  bool flipped = false;
};

/// Darkens the floor where a thing (premultiplied RGBA, `columns` x `rows`) stands on it: softly
/// about its foot, and farther away where light from the front would cast its outline.
void paint_shadow(const Room& room, const Footing& footing, std::span<const std::uint8_t> pixels,
                  int columns, int rows, std::span<float> canvas, int size_px);

}  // namespace sumi
