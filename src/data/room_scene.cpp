#include "data/room_scene.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/furniture.h"
#include "data/words.h"

namespace sumi {
namespace {

std::string room_words(Random& random, const Room& room) {
  const auto wall = fmt::format("{} {} wall", article_for(room.wall.words), room.wall.words);
  const auto floor = fmt::format("{} {} floor", article_for(room.floor.words), room.floor.words);
  const double kind = random.real();
  if (kind < 0.55) return fmt::format("in a room with {} and {}", wall, floor);
  if (kind < 0.7) return fmt::format("on {} in front of {}", floor, wall);
  if (kind < 0.85) return fmt::format("in a room with {}", wall);
  if (kind < 0.95) return fmt::format("in a room with {}", floor);
  return fmt::format("in front of {}", wall);
}

}  // namespace

Scene room_scene(Random& random, const Thing& thing, const SceneOptions& options) {
  constexpr double kTop = 0.05;
  Scene scene;
  const Rgb colours[] = {thing.sprite->mean_colour};
  auto& room = scene.room.emplace(drawn_room(random, colours));
  // Looked at from the side, the eye is lower: the renderer's 9 instead of 16 degrees.
  if (!thing.row->view.empty() && thing.row->view != "from behind") room.horizon += 0.2;

  Placed placed{.sprite = thing.sprite};
  placed.flipped = random.chance(options.flips);
  const double longer = std::max(thing.sprite->width, thing.sprite->height);
  const double wide = thing.sprite->width / longer, high = thing.sprite->height / longer;
  const double base = random.between(std::min(room.edge + 0.14, 0.86), 0.93);
  placed.size = std::min({random.between(0.5, 0.78), (base - kTop) / high, 0.92 / wide});
  placed.centre_x = 0.5 + random.between(-1, 1) * std::min(0.14, 0.48 - placed.size * wide / 2);
  if (placed.flipped) placed.centre_x = 1 - placed.centre_x;
  placed.centre_y = base - placed.size * high / 2;
  scene.things.push_back(placed);

  auto name = with_article(thing.row->name);
  if (!thing.row->view.empty()) name += " " + thing.row->view;
  const auto where =
      random.chance(options.ground_unsaid) ? std::string("in a room") : room_words(random, room);
  scene.caption = styled_caption(random, thing.row->style, name, where, options);
  return scene;
}

double room_share(const Row& row, const SceneOptions& options, double left) {
  constexpr double kFurniture = 4;
  if (!stands_on_floor(row)) return 0;
  const double share = options.rooms * (row.group == "furniture" ? kFurniture : 1);
  return std::clamp(share, 0.0, std::max(0.0, left));
}

}  // namespace sumi
