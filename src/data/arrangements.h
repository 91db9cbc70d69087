#pragma once

#include <optional>

#include "data/compose.h"

namespace sumi {

/// One of the arrangements below, as often as the options' shares say; nothing when a plain scene
/// is due. Portraits are always portrait_scene(), tiles of patterns tile_scene(). For other things
/// no random number is drawn where all shares are 0, so that worlds without arrangements stay as
/// they were.
std::optional<Scene> any_arrangement(Random& random, const Thing& thing,
                                     const SceneOptions& options);

/// Two to six of the same thing, side by side or in rows: "three lemons". The thing's name must
/// have a plural (not takes_no_article()).
Scene counted_scene(Random& random, const Thing& thing, const SceneOptions& options);

/// A thing repeated all over in a square, brick or diagonal lattice: "textile pattern of lemons".
Scene textile_scene(Random& random, const Thing& thing, const SceneOptions& options);

/// A tile (a row of the group "tile") repeated in one colour on a plain ground of another: "fabric
/// print of red anchors on a white background".
Scene tile_scene(Random& random, const Thing& tile, const SceneOptions& options);

/// A thing with a banner along one edge and a badge in a corner: "marketing poster of a lemon".
Scene poster_scene(Random& random, const Thing& thing, const SceneOptions& options);

/// A portrait (a row of the group "portrait") that stands on the picture's lower edge.
Scene portrait_scene(Random& random, const Thing& thing, const SceneOptions& options);

/// Colours and shapes without a thing: "abstract art of concentric rings in red and teal".
Scene abstract_scene(Random& random);

/// Shapes beside each other, bar charts, pie charts and flow charts: "teaching picture of …".
Scene teaching_scene(Random& random);

}  // namespace sumi
