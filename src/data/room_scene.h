#pragma once

#include "data/compose.h"

namespace sumi {

/// A thing on the floor of a room, before a wall: "an armchair in a room with a blue wall and a
/// wooden floor". It must stand_on_floor().
Scene room_scene(Random& random, const Thing& thing, const SceneOptions& options);

/// How often this thing comes in a room: the option's share, four times as often for furniture (at
/// most what the other shares leave); never what hangs, or is seen from above.
double room_share(const Row& row, const SceneOptions& options, double left);

}  // namespace sumi
