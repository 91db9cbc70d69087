#include "data/pattern.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace sumi {
namespace {

constexpr Rgb kBlack{0, 0, 0}, kWhite{255, 255, 255};

double mean(const Pattern& pattern, int size_px) {
  std::vector<float> canvas(static_cast<std::size_t>(size_px * size_px * 3));
  paint_pattern(pattern, canvas, size_px);
  double sum = 0;
  for (const float value : canvas) sum += value;
  return sum / static_cast<double>(canvas.size()) / 255;
}

// A quarter period of figure on each side of each middle: half the plane, whatever the phase.
TEST(Pattern, StripesAndChecksCoverHalf) {
  for (const auto kind :
       {PatternKind::vertical_stripes, PatternKind::horizontal_stripes, PatternKind::checks,
        PatternKind::zigzag, PatternKind::waves, PatternKind::plaid})
    for (const double phase : {0.0, 0.31, 0.77}) {
      const Pattern pattern{kind, kBlack, kWhite, 0.25, phase, 1 - phase, 0};
      EXPECT_NEAR(mean(pattern, 64), 0.5, 0.01) << static_cast<int>(kind) << " " << phase;
    }
}

TEST(Pattern, DotsCoverTheirDiscs) {
  const Pattern pattern{PatternKind::dots, kBlack, kWhite, 0.25, 0, 0, 0};
  EXPECT_NEAR(mean(pattern, 256), std::acos(-1.0) * 0.26 * 0.26, 0.003);
}

TEST(Pattern, SizesShowTheSamePicture) {
  for (int kind = 0; kind <= static_cast<int>(PatternKind::gradient); ++kind) {
    const Pattern pattern{static_cast<PatternKind>(kind), kBlack, kWhite, 0.21, 0.3, 0.6, 1};
    EXPECT_NEAR(mean(pattern, 64), mean(pattern, 192), 0.01) << kind;
  }
}

TEST(Pattern, GradientsRunFromOneColourToTheOther) {
  const Pattern pattern{PatternKind::gradient, kBlack, kWhite, 0.2, 0, 0, 0};
  EXPECT_DOUBLE_EQ(pattern.share_at(0, 0.5, 0.01), 0);
  EXPECT_DOUBLE_EQ(pattern.share_at(0.5, 0.2, 0.01), 0.5);
  EXPECT_DOUBLE_EQ(pattern.share_at(1, 0.9, 0.01), 1);
}

TEST(Pattern, EveryKindHasItsOwnWords) {
  std::set<std::string> words;
  for (int kind = 0; kind <= static_cast<int>(PatternKind::gradient); ++kind) {
    Pattern pattern;
    pattern.kind = static_cast<PatternKind>(kind);
    words.insert(pattern_words(pattern, "red", "white"));
  }
  EXPECT_EQ(words.size(), 11u);
  EXPECT_TRUE(words.contains("red and white checkered"));
  EXPECT_TRUE(words.contains("red to white gradient"));
}

}  // namespace
}  // namespace sumi
