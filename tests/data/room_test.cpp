#include "data/room.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "data/arrangements.h"
#include "data/room_scene.h"
#include "one_thing.h"

namespace sumi {
namespace {

class Rooms : public OneThing {
 protected:
  Rooms() : OneThing("armchair", "3d model") { row_.group = "furniture"; }
  Thing armchair() const { return thing(); }
};

TEST_F(Rooms, ThingsStandOnTheFloorInsideThePicture) {
  std::set<std::string> walls, floors;
  for (std::uint64_t i = 0; i < 300; ++i) {
    Random random(1, 0, i);
    const auto scene = room_scene(random, armchair(), options_);
    ASSERT_TRUE(scene.room);
    const auto& placed = scene.things.at(0);
    EXPECT_GT(placed.centre_y + placed.size / 2, scene.room->edge + 0.1);
    EXPECT_LT(placed.centre_y + placed.size / 2, 0.95);
    EXPECT_GT(placed.centre_y - placed.size / 2, 0);
    EXPECT_GT(placed.centre_x - placed.size / 2, 0);
    EXPECT_LT(placed.centre_x + placed.size / 2, 1);
    EXPECT_LT(scene.room->horizon, scene.room->edge - 0.2);
    walls.insert(scene.room->wall.words), floors.insert(scene.room->floor.words);
  }
  EXPECT_TRUE(walls.contains("red brick"));
  EXPECT_TRUE(walls.contains("blue"));
  EXPECT_TRUE(floors.contains("wooden"));
  EXPECT_GT(walls.size(), 20u);
  EXPECT_GT(floors.size(), 20u);
}

TEST_F(Rooms, CaptionsSayWallAndFloorAsTheyAre) {
  int both = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    Random random(2, 0, i);
    const auto scene = room_scene(random, armchair(), options_);
    const auto says = [&](const std::string& words) {
      return scene.caption.find(words) != std::string::npos;
    };
    const bool wall = says(scene.room->wall.words + " wall");
    const bool floor = says(scene.room->floor.words + " floor");
    EXPECT_TRUE(says("n armchair ")) << scene.caption;
    EXPECT_TRUE(wall || floor || says("in a room")) << scene.caption;
    EXPECT_EQ(wall, says(" wall")) << scene.caption;
    EXPECT_EQ(floor, says(" floor")) << scene.caption;
    both += wall && floor;
  }
  EXPECT_GT(both, 120);
}

TEST_F(Rooms, ComeOutTheSameAgainAndShowTheirColours) {
  for (std::uint64_t i = 0; i < 20; ++i) {
    Random random(3, 0, i), again(3, 0, i);
    const auto scene = room_scene(random, armchair(), options_);
    const auto image = paint(scene, 48);
    EXPECT_EQ(paint(room_scene(again, armchair(), options_), 48), image);
  }
  Room room;
  room.wall.first = {60, 100, 200};
  room.floor.first = {200, 60, 60};
  std::vector<float> canvas(40 * 40 * 3);
  paint_room(room, canvas, 40);
  const auto at = [&](int x, int y, int c) {
    return canvas[static_cast<std::size_t>((y * 40 + x) * 3 + c)];
  };
  EXPECT_NEAR(at(20, 4, 2), 200, 12);
  EXPECT_NEAR(at(20, 38, 0), 200, 12);
  EXPECT_NEAR(at(20, 38, 1), 60, 6);
}

TEST_F(Rooms, ShadowsDarkenTheFloorAboutTheFootOnly) {
  Room room;
  room.edge = 0.5;
  std::vector<float> canvas(64 * 64 * 3, 200.0f);
  paint_shadow(room, {0.3, 0.3, 0.4, 0.5, false}, pixels_, 16, 16, canvas, 64);
  const auto at = [&](double x, double y) {
    return canvas[static_cast<std::size_t>(
        (static_cast<int>(y * 64) * 64 + static_cast<int>(x * 64)) * 3)];
  };
  EXPECT_LT(at(0.5, 0.77), 150);
  EXPECT_EQ(at(0.5, 0.45), 200) << "above the floor";
  EXPECT_EQ(at(0.1, 0.8), 200) << "beside it";
  EXPECT_EQ(at(0.5, 0.95), 200) << "before it";
}

TEST_F(Rooms, FloorsRecedeTowardsTheWall) {
  Room room;
  room.edge = 0.5, room.horizon = 0;
  room.floor = {CoveringKind::checks, {0, 0, 0}, {255, 255, 255}, 0.2, 1, "x"};
  constexpr int kSide = 256;
  std::vector<float> canvas(kSide * kSide * 3);
  paint_room(room, canvas, kSide);
  const auto changes = [&](int y) {
    int count = 0;
    for (int x = 1; x < kSide; ++x) {
      const auto value = [&](int column) {
        return canvas[static_cast<std::size_t>((y * kSide + column) * 3)] > 100;
      };
      count += value(x) != value(x - 1);
    }
    return count;
  };
  // A row at the wall spans 1 unit of the floor, one at the picture's foot half of it.
  EXPECT_NEAR(changes(132), 5, 1);
  EXPECT_NEAR(changes(254), 2.5, 1);
}

TEST_F(Rooms, WithoutTheShareNothingChanges) {
  options_.counts = 0.2, options_.textiles = 0.3;
  auto with = options_;
  with.rooms = 0.1;
  int rooms = 0;
  for (std::uint64_t i = 0; i < 500; ++i) {
    Random random(4, 0, i), other(4, 0, i);
    const auto scene = any_arrangement(random, armchair(), options_);
    const auto roomy = any_arrangement(other, armchair(), with);
    ASSERT_FALSE(scene && scene->room);
    if (roomy && roomy->room) {
      EXPECT_FALSE(scene) << "rooms come in place of plain scenes only";
      ++rooms;
      continue;
    }
    ASSERT_EQ(scene.has_value(), roomy.has_value());
    if (scene) {
      EXPECT_EQ(scene->caption, roomy->caption);
    }
  }
  EXPECT_NEAR(rooms, 0.4 * 500, 60);
  options_ = {};
  Random random(5, 0, 0), untouched(5, 0, 0);
  EXPECT_FALSE(any_arrangement(random, armchair(), options_));
  EXPECT_EQ(random.bits(), untouched.bits());
}

TEST_F(Rooms, SharesGoByWhatTheThingIs) {
  options_.rooms = 0.1;
  EXPECT_DOUBLE_EQ(room_share(row_, options_, 1), 0.4);
  EXPECT_DOUBLE_EQ(room_share(row_, options_, 0.3), 0.3);
  row_.group = "animals-nature";
  EXPECT_DOUBLE_EQ(room_share(row_, options_, 1), 0.1);
  row_.view = "from above";
  EXPECT_DOUBLE_EQ(room_share(row_, options_, 1), 0);
  row_.view = "", row_.group = "fixtures";
  EXPECT_DOUBLE_EQ(room_share(row_, options_, 1), 0);
}

}  // namespace
}  // namespace sumi
