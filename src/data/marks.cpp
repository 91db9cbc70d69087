#include "data/marks.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sumi {
namespace {

constexpr double kPi = std::numbers::pi;

double box_distance(double x, double y, double half_width, double half_height) {
  const double dx = std::abs(x) - half_width, dy = std::abs(y) - half_height;
  return std::hypot(std::max(dx, 0.0), std::max(dy, 0.0)) + std::min(std::max(dx, dy), 0.0);
}

double stroke_distance(double x, double y, double length, double thickness) {
  const double along = std::clamp(x, 0.0, length);
  return std::hypot(x - along, y) - thickness / 2;
}

/// To the nearest side of a regular polygon whose first corner points up; exact inside, and off by
/// at most the rounding of a corner outside.
double polygon_distance(double x, double y, double radius, int corners) {
  const double step = 2 * kPi / corners;
  const double turn = std::atan2(x, -y) + step;
  const double within = turn - step * std::floor(turn / step) - step / 2;
  return std::hypot(x, y) * std::cos(within) - radius * std::cos(step / 2);
}

/// A star's side from a point on the circle to a notch at 0.45 of the radius.
double star_distance(double x, double y, double radius, int corners) {
  constexpr double kNotch = 0.45;
  const double step = 2 * kPi / corners;
  double turn = std::atan2(x, -y);
  turn -= step * std::round(turn / step);
  const double length = std::hypot(x, y);
  const double px = length * std::abs(std::sin(turn)), py = length * std::cos(turn);
  const double nx = kNotch * radius * std::sin(step / 2), ny = kNotch * radius * std::cos(step / 2);
  const double ex = nx, ey = ny - radius;
  return (ex * (py - radius) - ey * px) / std::hypot(ex, ey);
}

double sector_distance(double x, double y, double radius, double from, double span) {
  const double length = std::hypot(x, y);
  const double middle = from + span / 2;
  double turn = std::atan2(y, x) - middle;
  turn -= 2 * kPi * std::round(turn / (2 * kPi));
  if (span >= 2 * kPi) return length - radius;
  const double beyond = std::abs(turn) - span / 2;
  const double side =
      std::abs(beyond) < kPi / 2 ? length * std::sin(beyond) : std::copysign(length, beyond);
  return std::max(length - radius, side);
}

}  // namespace

double Mark::distance(double px, double py) const {
  const double dx = px - x, dy = py - y;
  const double c = std::cos(angle), s = std::sin(angle);
  const double u = dx * c + dy * s, v = -dx * s + dy * c;
  switch (kind) {
    case MarkKind::disc:
      return std::hypot(dx, dy) - width;
    case MarkKind::box:
      return box_distance(u, v, width, height);
    case MarkKind::stroke:
      return stroke_distance(u, v, width, height);
    case MarkKind::polygon:
      return polygon_distance(u, v, width, corners);
    case MarkKind::star:
      return star_distance(u, v, width, corners);
    case MarkKind::sector:
      return sector_distance(dx, dy, width, angle, height);
  }
  return 0;
}

double Mark::reach() const {
  if (kind == MarkKind::box) return std::hypot(width, height);
  if (kind == MarkKind::stroke) return width + height;
  return width;
}

void paint_marks(std::span<const Mark> marks, std::span<float> canvas, int size_px) {
  const double pixel = 1.0 / size_px;
  for (const auto& mark : marks) {
    const double reach = mark.reach() + pixel;
    const auto first = [&](double at) {
      return std::clamp(static_cast<int>(std::floor((at - reach) * size_px)), 0, size_px);
    };
    const auto last = [&](double at) {
      return std::clamp(static_cast<int>(std::ceil((at + reach) * size_px)), 0, size_px);
    };
    for (int row = first(mark.y); row < last(mark.y); ++row)
      for (int column = first(mark.x); column < last(mark.x); ++column) {
        const double outside = mark.distance((column + 0.5) * pixel, (row + 0.5) * pixel);
        const auto share = static_cast<float>(std::clamp(0.5 - outside / pixel, 0.0, 1.0));
        if (share <= 0) continue;
        auto* out =
            canvas.data() + (static_cast<std::size_t>(row) * static_cast<std::size_t>(size_px) +
                             static_cast<std::size_t>(column)) *
                                3;
        for (std::size_t c = 0; c < 3; ++c)
          out[c] += (static_cast<float>(mark.colour[c]) - out[c]) * share;
      }
  }
}

}  // namespace sumi
