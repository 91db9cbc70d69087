#include "data/compose.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <regex>

#include "data/words.h"

namespace sumi {
namespace {

/// A sprite of one opaque colour.
struct Block {
  Block(int width, int height, std::array<std::uint8_t, 3> colour) {
    for (int i = 0; i < width * height; ++i)
      pixels.insert(pixels.end(), {colour[0], colour[1], colour[2], 255});
    sprite = {width, height, pixels, colour};
  }
  std::vector<std::uint8_t> pixels;
  Sprite sprite;
};

Row row(const std::string& name, const std::string& style) {
  Row result;
  result.name = name;
  result.style = style;
  result.tags = {"round", "tasty", "fresh", "sweet"};
  return result;
}

TEST(Paint, ASpriteCoversExactlyItsPlace) {
  const Block block(32, 16, {200, 10, 30});
  Scene scene{{0, 100, 200}, {{&block.sprite, 0.5, 0.5, 0.5, false}}, ""};
  const auto image = paint(scene, 64);
  ASSERT_EQ(image.channels, 3);
  for (int y = 0; y < 64; ++y)
    for (int x = 0; x < 64; ++x) {
      const bool inside = x >= 16 && x < 48 && y >= 24 && y < 40;
      EXPECT_EQ(image.pixels[static_cast<std::size_t>((y * 64 + x) * 3)], inside ? 200 : 0)
          << x << "," << y;
    }
}

TEST(Paint, AreaIsKeptAtFractionalPlaces) {
  const Block block(50, 50, {255, 255, 255});
  for (const double shift : {0.0, 0.003, 0.0071}) {
    const Scene scene{{0, 0, 0}, {{&block.sprite, 0.5 + shift, 0.5 - shift, 0.33, false}}, ""};
    const auto image = paint(scene, 64);
    const double sum = std::accumulate(image.pixels.begin(), image.pixels.end(), 0.0) / 3 / 255;
    EXPECT_NEAR(sum, std::pow(0.33 * 64, 2), 1.0);
  }
}

TEST(Paint, SpritesMayReachOverTheBorder) {
  const Block block(20, 20, {255, 255, 255});
  const Scene scene{
      {0, 0, 0}, {{&block.sprite, 0, 1, 0.5, false}, {&block.sprite, 2, 2, 0.5, false}}, ""};
  const auto image = paint(scene, 16);
  EXPECT_EQ(image.pixels[static_cast<std::size_t>(15 * 16 * 3)], 255);
  EXPECT_EQ(image.pixels[0], 0);
}

TEST(Paint, FlippedSpritesAreMirroredInPlace) {
  std::vector<std::uint8_t> pixels;
  for (int i = 0; i < 16; ++i) {
    const std::uint8_t value = i % 4 < 2 ? 255 : 0;
    pixels.insert(pixels.end(), {value, value, value, 255});
  }
  const Sprite sprite{4, 4, pixels, {128, 128, 128}};
  const Row half = row("half", "flat emoji");
  SceneOptions options;
  options.flips = 1;
  options.placed = options.small = options.large = 0;
  Random random(1, 2, 3);
  const auto scene = single_scene(random, {&half, &sprite}, options);
  const auto image = paint(scene, 64);
  const auto at = [&](int x) { return image.pixels[static_cast<std::size_t>((32 * 64 + x) * 3)]; };
  EXPECT_LT(at(24), 30);
  EXPECT_GT(at(40), 225);
}

TEST(Captions, FollowTheGrammar) {
  const Block block(8, 8, {120, 120, 20});
  const Row apple = row("red apple", "3d render");
  const std::regex grammar(
      "(a )?(3d render of )?(a|an) ((small|tiny|little|large|big|huge) )?red apple"
      "( (on the (left|right)|at the (top|bottom)|in the (top|bottom) (left|right) corner|in the "
      "center))?"
      "( on an? [a-z ]+ (background|ground))?"
      "( (on the (left|right)|at the (top|bottom)|in the (top|bottom) (left|right) corner|in the "
      "center))?"
      "(, 3d render)?(, (round|tasty|fresh|sweet)){0,3}");
  int styled = 0, grounded = 0, placed = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    Random random(7, 0, i);
    const auto caption = single_scene(random, {&apple, &block.sprite}, {}).caption;
    ASSERT_TRUE(std::regex_match(caption, grammar)) << caption;
    styled += caption.find("3d render") != caption.npos;
    grounded += caption.find("ground") != caption.npos;
    placed += caption.find("left") != caption.npos;
  }
  EXPECT_NEAR(styled, 2000 * 0.88, 100);
  EXPECT_NEAR(grounded, 2000 * 0.85, 100);
  EXPECT_GT(placed, 50);
}

TEST(Captions, TellWhatThePictureShows) {
  const Block block(8, 8, {120, 120, 20});
  const Row apple = row("red apple", "3d render");
  int told = 0;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    Random random(8, 0, i);
    const auto scene = single_scene(random, {&apple, &block.sprite}, {});
    const auto says = [&](const char* words) {
      return scene.caption.find(words) != scene.caption.npos;
    };
    const auto& placed = scene.things[0];
    EXPECT_EQ(says("left"), placed.centre_x < 0.45) << scene.caption;
    EXPECT_EQ(says("right"), placed.centre_x > 0.55) << scene.caption;
    EXPECT_EQ(says("top"), placed.centre_y < 0.45) << scene.caption;
    EXPECT_EQ(says("bottom"), placed.centre_y > 0.55) << scene.caption;
    EXPECT_EQ(says("small") || says("tiny") || says("little"), placed.size < 0.45) << scene.caption;
    EXPECT_EQ(says("large") || says("big") || says("huge"), placed.size > 0.85) << scene.caption;
    EXPECT_GE(placed.centre_x - placed.size / 2, -0.01);
    EXPECT_LE(placed.centre_x + placed.size / 2, 1.01);
    for (const auto& ground : ground_colours()) {
      if (!says(fmt::format(" on {} {} ", article_for(ground.name), ground.name).c_str())) continue;
      ++told;
      for (std::size_t c = 0; c < 3; ++c)
        EXPECT_NEAR(scene.ground[c], ground.rgb[c], 15) << scene.caption;
    }
  }
  EXPECT_GT(told, 2000);
}

TEST(Captions, PairsSayWhoIsWhere) {
  const Block block(8, 8, {120, 120, 20});
  const Row apple = row("red apple", "3d render"), dog = row("dog", "flat emoji"),
            cat = row("cat", "3d render");
  bool across = false;
  for (std::uint64_t i = 0; i < 500; ++i) {
    Random random(9, 0, i);
    const auto& second = i % 2 == 0 ? dog : cat;
    const auto scene = pair_scene(random, {&apple, &block.sprite}, {&second, &block.sprite}, {});
    ASSERT_EQ(scene.things.size(), 2u);
    const auto says = [&](const char* words) {
      return scene.caption.find(words) != scene.caption.npos;
    };
    const auto &a = scene.things[0], &b = scene.things[1];
    if (says("to the left of")) {
      EXPECT_LT(a.centre_x + 0.3, b.centre_x);
    }
    if (says("to the right of")) {
      EXPECT_GT(a.centre_x, b.centre_x + 0.3);
    }
    if (says("above")) {
      EXPECT_LT(a.centre_y + 0.3, b.centre_y);
    }
    if (says("below")) {
      EXPECT_GT(a.centre_y, b.centre_y + 0.3);
    }
    EXPECT_LT(scene.caption.find("apple"), scene.caption.find(i % 2 == 0 ? "dog" : "cat"));
    across |= scene.caption.starts_with(
        "a 3d render of a red apple to the left of a flat emoji of a dog");
  }
  EXPECT_TRUE(across);
}

TEST(Grounds, AreSeldomWhiteAndSeldomHideTheThing) {
  const Block block(8, 8, {214, 48, 49});
  const Row apple = row("red apple", "3d render");
  int white = 0, hidden = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    Random random(10, 0, i);
    const auto ground = single_scene(random, {&apple, &block.sprite}, {}).ground;
    white += ground[0] > 230 && ground[1] > 230 && ground[2] > 230;
    hidden += std::abs(ground[0] - 214) < 25 && std::abs(ground[1] - 48) < 25 &&
              std::abs(ground[2] - 49) < 25;
  }
  EXPECT_LT(white, 2000 * 0.06);
  EXPECT_GT(white, 0);
  EXPECT_LT(hidden, 10);
}

}  // namespace
}  // namespace sumi
