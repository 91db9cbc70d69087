#include "data/arrangements.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <regex>
#include <set>

#include "data/plurals.h"
#include "one_thing.h"

namespace sumi {
namespace {

class Arrangements : public OneThing {
 protected:
  Arrangements() : OneThing("lemon", "3d render") {}
  Thing lemon() const { return thing(); }
};

TEST_F(Arrangements, CountsAreWhatTheCaptionSays) {
  std::set<std::size_t> seen;
  for (std::uint64_t i = 0; i < 300; ++i) {
    Random random(1, 0, i);
    const auto scene = counted_scene(random, lemon(), options_);
    const auto said = count_word(static_cast<int>(scene.things.size())) + " lemons";
    EXPECT_NE(scene.caption.find(said), std::string::npos) << scene.caption;
    seen.insert(scene.things.size());
    for (std::size_t a = 0; a < scene.things.size(); ++a) {
      const auto& one = scene.things[a];
      EXPECT_GT(one.centre_x - one.size / 2, 0);
      EXPECT_LT(one.centre_x + one.size / 2, 1);
      for (std::size_t b = 0; b < a; ++b) {
        const auto& other = scene.things[b];
        const double apart = std::max(std::abs(one.centre_x - other.centre_x),
                                      std::abs(one.centre_y - other.centre_y));
        EXPECT_GT(apart, one.size * 0.95) << scene.caption;
      }
    }
  }
  EXPECT_EQ(seen, (std::set<std::size_t>{2, 3, 4, 5, 6}));
}

TEST_F(Arrangements, TextilesCoverTheWholePicture) {
  for (std::uint64_t i = 0; i < 60; ++i) {
    Random random(2, 0, i);
    const auto scene = textile_scene(random, lemon(), options_);
    EXPECT_NE(scene.caption.find("of lemons on"), std::string::npos) << scene.caption;
    for (const double y : {0.1, 0.5, 0.9})
      for (const double x : {0.1, 0.5, 0.9}) {
        const auto near = [&](const Placed& placed) {
          return std::hypot(placed.centre_x - x, placed.centre_y - y) < 0.3;
        };
        EXPECT_TRUE(std::any_of(scene.things.begin(), scene.things.end(), near)) << i;
      }
  }
}

TEST_F(Arrangements, PostersSayTheirColours) {
  for (std::uint64_t i = 0; i < 200; ++i) {
    Random random(3, 0, i);
    const auto scene = poster_scene(random, lemon(), options_);
    ASSERT_EQ(scene.marks.size(), 2u);
    std::smatch match;
    const std::regex banner(
        "with an? ([a-z ]+) banner at the (top|bottom) and an? ([a-z ]+) badge");
    ASSERT_TRUE(std::regex_search(scene.caption, match, banner)) << scene.caption;
    EXPECT_EQ(match[2] == "bottom", scene.marks[0].y > 0.5);
    for (const auto& colour : ground_colours()) {
      if (match[1] == colour.name) {
        EXPECT_LT(colour_distance(colour.rgb, scene.marks[0].colour), 30) << scene.caption;
      }
      if (match[3] == colour.name) {
        EXPECT_LT(colour_distance(colour.rgb, scene.marks[1].colour), 30) << scene.caption;
      }
    }
  }
}

TEST_F(Arrangements, ChartsHoldWhatTheyTell) {
  int bars = 0, slices = 0;
  for (std::uint64_t i = 0; i < 400; ++i) {
    Random random(4, 0, i);
    const auto scene = teaching_scene(random);
    EXPECT_NE(scene.caption.find("teaching picture of"), std::string::npos) << scene.caption;
    const auto counted = [&](MarkKind kind) {
      return std::count_if(scene.marks.begin(), scene.marks.end(),
                           [&](const Mark& mark) { return mark.kind == kind; });
    };
    const auto says = [&](const std::string& words) {
      return scene.caption.find(words) != std::string::npos;
    };
    for (int count = 2; count <= 6; ++count) {
      if (says(fmt::format("pie chart with {} ", count_word(count)))) {
        EXPECT_EQ(counted(MarkKind::sector), count);
        ++slices;
      }
      if (says(fmt::format("bar chart with {} ", count_word(count)))) {
        EXPECT_EQ(counted(MarkKind::box), count + 2);
        ++bars;
      }
    }
    if (scene.caption.find("rising") != std::string::npos) {
      EXPECT_LT(scene.marks[0].height, scene.marks[1].height);
    }
  }
  EXPECT_GT(bars, 40);
  EXPECT_GT(slices, 30);
}

TEST_F(Arrangements, AbstractArtNamesColoursItShows) {
  for (std::uint64_t i = 0; i < 200; ++i) {
    Random random(5, 0, i);
    const auto scene = abstract_scene(random);
    Random again(5, 0, i);
    EXPECT_EQ(abstract_scene(again).caption, scene.caption);
    const auto image = paint(scene, 32);
    const auto [darkest, lightest] = std::minmax_element(image.pixels.begin(), image.pixels.end());
    EXPECT_GT(*lightest - *darkest, 20) << scene.caption;
    if (!scene.field) continue;
    std::size_t named = 0;
    for (const auto& colour : ground_colours())
      for (const auto& shade : scene.field->palette) {
        if (colour_distance(colour.rgb, shade) > 26) continue;
        named += scene.caption.find(colour.name) != std::string::npos;
        break;
      }
    EXPECT_GE(named, scene.field->palette.size()) << scene.caption;
  }
}

TEST_F(Arrangements, ComeAsOftenAsTheirShares) {
  options_.counts = 0.2, options_.textiles = 0.1, options_.abstract_art = 0.3;
  int counts = 0, textiles = 0, abstract = 0, plain = 0;
  constexpr int kDraws = 2000;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    Random random(6, 0, i);
    const auto scene = any_arrangement(random, lemon(), options_);
    if (!scene)
      ++plain;
    else if (scene->things.empty())
      ++abstract;
    else if (scene->things.size() <= 6)
      ++counts;
    else
      ++textiles;
  }
  EXPECT_NEAR(counts, 0.2 * kDraws, 60);
  EXPECT_NEAR(textiles, 0.1 * kDraws, 50);
  EXPECT_NEAR(abstract, 0.3 * kDraws, 70);
  EXPECT_NEAR(plain, 0.4 * kDraws, 70);
}

TEST_F(Arrangements, WithoutSharesNoNumberIsDrawn) {
  Random random(7, 0, 0), untouched(7, 0, 0);
  EXPECT_FALSE(any_arrangement(random, lemon(), options_));
  EXPECT_EQ(random.bits(), untouched.bits());
}

TEST_F(Arrangements, StuffIsNotCounted) {
  row_.name = "bread";
  options_.counts = 1;
  Random random(8, 0, 0);
  EXPECT_FALSE(any_arrangement(random, lemon(), options_));
}

}  // namespace
}  // namespace sumi
