#include "data/marks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace sumi {
namespace {

constexpr int kSide = 256;

/// Share of the picture that a white mark covers on black.
double area(const Mark& mark) {
  std::vector<float> canvas(static_cast<std::size_t>(kSide * kSide * 3));
  auto white = mark;
  white.colour = {255, 255, 255};
  paint_marks({&white, 1}, canvas, kSide);
  double sum = 0;
  for (const float value : canvas) sum += value;
  return sum / static_cast<double>(canvas.size()) / 255;
}

TEST(Marks, CoverWhatGeometrySays) {
  const double r = 0.3, pi = std::numbers::pi;
  EXPECT_NEAR(area({.kind = MarkKind::disc, .width = r}), pi * r * r, 2e-3);
  EXPECT_NEAR(area({.kind = MarkKind::box, .width = 0.2, .height = 0.1, .angle = 0.4}), 0.08, 2e-3);
  EXPECT_NEAR(area({.kind = MarkKind::stroke,
                    .x = 0.2,
                    .y = 0.3,
                    .width = 0.4,
                    .height = 0.1,
                    .angle = 0.3}),
              0.4 * 0.1 + pi * 0.05 * 0.05, 2e-3);
  for (const int corners : {3, 4, 5, 6})
    EXPECT_NEAR(area({.kind = MarkKind::polygon, .width = r, .corners = corners}),
                corners / 2.0 * r * r * std::sin(2 * pi / corners), 3e-3)
        << corners;
  EXPECT_NEAR(area({.kind = MarkKind::star, .width = r, .corners = 5}),
              5 * 0.45 * r * r * std::sin(pi / 5), 3e-3);
  for (const double span : {0.5, 2.0, 4.0, 6.0})
    EXPECT_NEAR(area({.kind = MarkKind::sector, .width = r, .height = span, .angle = 1}),
                span * r * r / 2, 4e-3)
        << span;
}

TEST(Marks, SlicesOfAPieFillIt) {
  double sum = 0;
  const double spans[] = {1.2, 2.9, 2 * std::numbers::pi - 4.1};
  double from = 0.3;
  for (const double span : spans) {
    sum += area({.kind = MarkKind::sector, .width = 0.4, .height = span, .angle = from});
    from += span;
  }
  EXPECT_NEAR(sum, std::numbers::pi * 0.16, 8e-3);
}

TEST(Marks, ReachHoldsTheWholeShape) {
  for (const auto kind : {MarkKind::disc, MarkKind::box, MarkKind::stroke, MarkKind::polygon,
                          MarkKind::star, MarkKind::sector}) {
    const Mark mark{.kind = kind, .width = 0.2, .height = 0.15, .angle = 0.7, .corners = 5};
    for (double y = 0; y < 1; y += 0.01)
      for (double x = 0; x < 1; x += 0.01)
        if (mark.distance(x, y) < 0) {
          EXPECT_LE(std::hypot(x - mark.x, y - mark.y), mark.reach() + 1e-9);
        }
  }
}

TEST(Marks, BeyondTheBorderAreCut) {
  EXPECT_NEAR(area({.kind = MarkKind::disc, .x = 0, .y = 0, .width = 0.3}),
              std::numbers::pi * 0.09 / 4, 2e-3);
  EXPECT_EQ(area({.kind = MarkKind::disc, .x = 3, .y = -2, .width = 0.3}), 0);
}

}  // namespace
}  // namespace sumi
