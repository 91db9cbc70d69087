#include "data/room.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "data/grounds.h"

namespace sumi {
namespace {

using Colour = std::array<float, 3>;

struct Named {
  const char* name;
  Rgb rgb;
};
constexpr Named kBricks[] = {{"red brick", {166, 78, 58}},
                             {"red brick", {150, 66, 50}},
                             {"white brick", {226, 222, 214}},
                             {"gray brick", {140, 138, 136}}};
constexpr Named kWoods[] = {{"wooden", {176, 126, 78}},
                            {"wooden", {150, 100, 58}},
                            {"light wooden", {214, 178, 130}},
                            {"dark wooden", {92, 60, 40}}};

/// The distance in picture sides from the eye to the wall: a field of 28 degrees.
constexpr double kEyeToWall = 2;

/// From -1 to 1, by place and seed.
double difference(std::int64_t column, std::int64_t row, std::uint64_t seed) {
  return Random(seed, static_cast<std::uint64_t>(column), static_cast<std::uint64_t>(row))
      .between(-1, 1);
}

Colour shaded(const Rgb& rgb, double factor) {
  Colour colour{};
  for (std::size_t c = 0; c < 3; ++c)
    colour[c] = static_cast<float>(std::clamp(rgb[c] * factor, 0.0, 255.0));
  return colour;
}

std::int64_t whole(double value) { return static_cast<std::int64_t>(std::floor(value)); }

/// Distance to the nearest border of a unit cell.
double to_border(double value) {
  const double inside = value - std::floor(value);
  return std::min(inside, 1 - inside);
}

Colour brick(const Covering& covering, double u, double v) {
  constexpr double kJoint = 0.035;
  const double height = covering.period * 0.42;
  const auto row = whole(v / height);
  const double along = u / covering.period + (row % 2 != 0 ? 0.5 : 0);
  const bool joint = to_border(along) < kJoint || to_border(v / height) < kJoint / 0.42;
  if (joint) return shaded(covering.second, 1);
  return shaded(covering.first, 1 + 0.13 * difference(whole(along), row, covering.seed));
}

Colour board(const Covering& covering, double u, double v) {
  constexpr double kJoint = 0.03;
  const auto column = whole(u / covering.period);
  const double offset = difference(column, 0, covering.seed) * 0.5;
  const double along = v / (covering.period * 9) + offset;
  if (to_border(u / covering.period) < kJoint || to_border(along) < kJoint / 9)
    return shaded(covering.second, 1);
  const double tone = difference(column, whole(along) + 1, covering.seed);
  // Grain: lines along the board that drift a little.
  const double across = u / covering.period * 5 + 0.7 * std::sin(v * 17 + tone * 9);
  const double grain = std::sin(2 * std::numbers::pi * (across + 3 * tone));
  return shaded(covering.first, 1 + 0.1 * tone + 0.035 * grain);
}

Colour tile(const Covering& covering, double u, double v, bool checks) {
  constexpr double kJoint = 0.03;
  const auto column = whole(u / covering.period), row = whole(v / covering.period);
  const double tone = 1 + 0.025 * difference(column, row, covering.seed);
  if (checks) return shaded((column + row) % 2 != 0 ? covering.second : covering.first, tone);
  if (std::min(to_border(u / covering.period), to_border(v / covering.period)) < kJoint)
    return shaded(covering.second, 1);
  return shaded(covering.first, tone);
}

Rgb scaled(const Rgb& rgb, double factor) {
  const auto colour = shaded(rgb, factor);
  return {static_cast<std::uint8_t>(colour[0]), static_cast<std::uint8_t>(colour[1]),
          static_cast<std::uint8_t>(colour[2])};
}

/// Another named colour, clearly different.
const GroundColour& beside(Random& random, const GroundColour& first) {
  const Rgb taken[] = {first.rgb};
  return ground_against(random, taken);
}

Covering two_coloured(Random& random, CoveringKind kind, const char* look) {
  const auto& first = any_ground(random);
  const auto& second = beside(random, first);
  if (&first == &second)
    return {CoveringKind::plain, with_jitter(random, first.rgb), {}, 0.1, 0, first.name};
  return {kind,
          with_jitter(random, first.rgb),
          with_jitter(random, second.rgb),
          random.between(0.09, 0.16),
          random.bits(),
          fmt::format("{} and {} {}", first.name, second.name, look)};
}

Covering plain(Random& random) {
  const auto& colour = any_ground(random);
  return {CoveringKind::plain, with_jitter(random, colour.rgb), {}, 0.1, 0, colour.name};
}

Covering tiled(Random& random) {
  const auto& colour = any_ground(random);
  const bool dark = colour.rgb[0] + colour.rgb[1] + colour.rgb[2] < 300;
  return {CoveringKind::tiles,
          with_jitter(random, colour.rgb),
          scaled(colour.rgb, dark ? 1.9 : 0.74),
          random.between(0.1, 0.18),
          random.bits(),
          fmt::format("{} tiled", colour.name)};
}

Covering wooden(Random& random) {
  const auto& wood = random.pick(kWoods);
  const auto colour = with_jitter(random, wood.rgb);
  return {CoveringKind::boards,       colour,        scaled(colour, 0.62),
          random.between(0.07, 0.11), random.bits(), wood.name};
}

Covering bricked(Random& random) {
  const auto& brick = random.pick(kBricks);
  const auto colour = with_jitter(random, brick.rgb);
  const bool light = colour[0] > 200;
  return {
      CoveringKind::bricks,       colour,        light ? scaled(colour, 0.8) : Rgb{196, 188, 178},
      random.between(0.13, 0.18), random.bits(), brick.name};
}

Covering any_wall(Random& random) {
  const double kind = random.real();
  if (kind < 0.5) return plain(random);
  if (kind < 0.66) return bricked(random);
  if (kind < 0.82) return two_coloured(random, CoveringKind::stripes, "striped");
  if (kind < 0.92) return tiled(random);
  return wooden(random);
}

Covering any_floor(Random& random) {
  const double kind = random.real();
  if (kind < 0.45) return wooden(random);
  if (kind < 0.65) return plain(random);
  if (kind < 0.85) return tiled(random);
  return two_coloured(random, CoveringKind::checks, "checkered");
}

/// How far the nearer of a covering's large colours is from all of these.
double clearance(const Covering& covering, std::span<const Rgb> colours) {
  const bool two = covering.kind == CoveringKind::stripes || covering.kind == CoveringKind::checks;
  double nearest = 1e9;
  for (const auto& colour : colours) {
    nearest = std::min(nearest, colour_distance(covering.first, colour));
    if (two) nearest = std::min(nearest, colour_distance(covering.second, colour));
  }
  return nearest;
}

template <class Draw>
Covering covering_against(Random& random, std::span<const Rgb> colours, double clear, Draw draw) {
  Covering best;
  double best_clearance = -1;
  for (int attempt = 0; attempt < 6 && best_clearance < clear; ++attempt) {
    auto covering = draw(random);
    const double now = clearance(covering, colours);
    if (now > best_clearance) best = std::move(covering), best_clearance = now;
  }
  return best;
}

/// A picture's coverage on a coarse grid, so that reading between its points blurs it.
class Outline {
 public:
  Outline(std::span<const std::uint8_t> pixels, int columns, int rows, bool flipped)
      : cells_(static_cast<std::size_t>(kSide) * kSide) {
    std::vector<int> counts(cells_.size());
    for (int y = 0; y < rows; ++y)
      for (int x = 0; x < columns; ++x) {
        const int column = (flipped ? columns - 1 - x : x) * kSide / columns;
        const auto cell = static_cast<std::size_t>(y * kSide / rows * kSide + column);
        const auto at = (static_cast<std::size_t>(y) * static_cast<std::size_t>(columns) +
                         static_cast<std::size_t>(x)) *
                            4 +
                        3;
        cells_[cell] += static_cast<float>(pixels[at]) / 255;
        ++counts[cell];
      }
    for (std::size_t i = 0; i < cells_.size(); ++i)
      if (counts[i] > 0) cells_[i] /= static_cast<float>(counts[i]);
  }

  /// At shares of the width and height, from the top left; nothing outside.
  double at(double x, double y) const {
    const double column = x * kSide - 0.5, row = y * kSide - 0.5;
    if (!(column > -1 && row > -1 && column < kSide && row < kSide)) return 0;
    const auto left = whole(column), top = whole(row);
    const double fx = column - static_cast<double>(left), fy = row - static_cast<double>(top);
    return (cell(left, top) * (1 - fx) + cell(left + 1, top) * fx) * (1 - fy) +
           (cell(left, top + 1) * (1 - fx) + cell(left + 1, top + 1) * fx) * fy;
  }

 private:
  static constexpr int kSide = 24;
  double cell(std::int64_t x, std::int64_t y) const {
    if (x < 0 || y < 0 || x >= kSide || y >= kSide) return 0;
    return cells_[static_cast<std::size_t>(y * kSide + x)];
  }
  std::vector<float> cells_;
};

}  // namespace

std::array<float, 3> Covering::at(double u, double v) const {
  switch (kind) {
    case CoveringKind::plain:
      break;
    case CoveringKind::stripes:
      return shaded(whole(2 * u / period) % 2 != 0 ? second : first, 1);
    case CoveringKind::bricks:
      return brick(*this, u, v);
    case CoveringKind::tiles:
      return tile(*this, u, v, false);
    case CoveringKind::checks:
      return tile(*this, u, v, true);
    case CoveringKind::boards:
      return board(*this, u, v);
  }
  return shaded(first, 1);
}

Room drawn_room(Random& random, std::span<const Rgb> things) {
  constexpr double kClearWall = 85, kClearFloor = 60;
  Room room;
  room.wall = covering_against(random, things, kClearWall, any_wall);
  std::vector<Rgb> around(things.begin(), things.end());
  around.push_back(room.wall.first);
  room.floor = covering_against(random, around, kClearFloor, any_floor);
  room.floor.period *= 1.25;
  room.edge = random.between(0.56, 0.68);
  room.horizon = random.between(-0.1, 0.06);
  room.light_from = random.between(-1, 1);
  room.skirting = random.chance(0.7) ? Rgb{236, 234, 228} : scaled(room.wall.first, 0.6);
  return room;
}

void paint_room(const Room& room, std::span<float> canvas, int size_px) {
  constexpr double kSkirting = 0.024, kNearWall = 0.05;
  const auto sample = [&](double x, double y) {
    const double from_edge = std::abs(y - room.edge);
    const double corner = 1 - 0.16 * std::exp(-from_edge / kNearWall);
    if (y < room.edge) {
      const double light = 1.03 - 0.07 * y + 0.06 * room.light_from * (2 * x - 1);
      const bool board = y > room.edge - kSkirting;
      auto colour = board ? shaded(room.skirting, 1) : room.wall.at(x + 7, y + 7);
      for (auto& channel : colour) channel *= static_cast<float>(light * corner);
      return colour;
    }
    // A floor point lies on the ray through (x, y), `nearer` of the way to the wall.
    const double nearer = (room.edge - room.horizon) / (y - room.horizon);
    auto colour = room.floor.at((x - 0.5) * nearer + 7, kEyeToWall * nearer + 7);
    const double light =
        0.94 + 0.1 * (y - room.edge) / (1 - room.edge) + 0.03 * room.light_from * (2 * x - 1);
    for (auto& channel : colour) channel *= static_cast<float>(light * corner);
    return colour;
  };
  const double pixel = 1.0 / size_px;
  auto* out = canvas.data();
  for (int y = 0; y < size_px; ++y)
    for (int x = 0; x < size_px; ++x, out += 3) {
      Colour sum{};
      for (int k = 0; k < 4; ++k) {
        const auto colour =
            sample((x + 0.25 + 0.5 * (k % 2)) * pixel, (y + 0.25 + 0.5 * (k / 2)) * pixel);
        for (std::size_t c = 0; c < 3; ++c) sum[c] += colour[c] / 4;
      }
      for (std::size_t c = 0; c < 3; ++c) out[c] = std::min(sum[c], 255.0f);
    }
}

void paint_shadow(const Room& room, const Footing& footing, std::span<const std::uint8_t> pixels,
                  int columns, int rows, std::span<float> canvas, int size_px) {
  constexpr double kFlat = 0.24;       // of the outline's height, lying on the floor
  constexpr double kFootShare = 0.32;  // of its height, near enough to the floor
  constexpr double kFootDark = 0.62, kCastDark = 0.3;
  constexpr double kSpread = 0.018, kLow = 0.012;
  const Outline outline(pixels, columns, rows, footing.flipped);
  const double base = footing.top + footing.height;
  const double lean = -0.55 * room.light_from;
  const auto covered = [&](double x, double y) {
    return outline.at((x - footing.left) / footing.width, (y - footing.top) / footing.height);
  };
  const int first = std::clamp(static_cast<int>((room.edge) * size_px), 0, size_px);
  const int last = std::clamp(static_cast<int>((base + 0.06) * size_px) + 1, 0, size_px);
  for (int row = first; row < last; ++row)
    for (int column = 0; column < size_px; ++column) {
      const double x = (column + 0.5) / size_px, y = (row + 0.5) / size_px;
      double foot = 0;
      for (const double dx : {-kSpread, 0.0, kSpread})
        for (const double dy : {-kSpread, 0.0, kSpread}) {
          const double from = y - kLow + dy * 0.7;
          const double rise = (base - from) / (kFootShare * footing.height);
          foot += covered(x + dx, from) * std::clamp(1 - rise, 0.0, 1.0) / 9;
        }
      const double back = base - 0.01 - y;
      const double cast = back < 0 ? 0 : covered(x - lean * back, base - back / kFlat);
      const double dark = 1 - (1 - kFootDark * std::min(1.0, foot)) * (1 - kCastDark * cast);
      if (dark <= 0) continue;
      auto* out =
          canvas.data() + (static_cast<std::size_t>(row) * static_cast<std::size_t>(size_px) +
                           static_cast<std::size_t>(column)) *
                              3;
      for (std::size_t c = 0; c < 3; ++c) out[c] *= static_cast<float>(1 - dark);
    }
}

}  // namespace sumi
