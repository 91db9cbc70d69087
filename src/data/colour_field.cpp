#include "data/colour_field.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace sumi {
namespace {

using Colour = std::array<double, 3>;

Colour colour_of(const Rgb& rgb) {
  return {static_cast<double>(rgb[0]), static_cast<double>(rgb[1]), static_cast<double>(rgb[2])};
}

Colour mixed(const Colour& a, const Colour& b, double share) {
  Colour result{};
  for (std::size_t c = 0; c < 3; ++c) result[c] = a[c] + (b[c] - a[c]) * share;
  return result;
}

/// A number in [0, 1) for a point of the integer lattice.
double lattice(std::uint64_t seed, int x, int y) {
  const auto at = static_cast<std::uint64_t>(static_cast<std::uint32_t>(x)) << 32 |
                  static_cast<std::uint32_t>(y);
  return Random(seed, 0, at).real();
}

/// Value noise: the lattice's numbers, smoothly between.
double noise(std::uint64_t seed, double x, double y) {
  const double left = std::floor(x), top = std::floor(y);
  const auto smooth = [](double t) { return t * t * (3 - 2 * t); };
  const double u = smooth(x - left), v = smooth(y - top);
  const int i = static_cast<int>(left), j = static_cast<int>(top);
  const double above = std::lerp(lattice(seed, i, j), lattice(seed, i + 1, j), u);
  const double below = std::lerp(lattice(seed, i, j + 1), lattice(seed, i + 1, j + 1), u);
  return std::lerp(above, below, v);
}

/// The colour at `position` of [0, 1] along the palette, smoothly.
Colour along(const std::vector<Rgb>& palette, double position) {
  const double at = std::clamp(position, 0.0, 1.0) * static_cast<double>(palette.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(at), palette.size() - 1);
  const auto above = std::min(below + 1, palette.size() - 1);
  return mixed(colour_of(palette[below]), colour_of(palette[above]),
               at - static_cast<double>(below));
}

Colour picked(const std::vector<Rgb>& palette, double share) {
  const auto at = static_cast<std::size_t>(share * static_cast<double>(palette.size()));
  return colour_of(palette[std::min(at, palette.size() - 1)]);
}

/// Seeds lie one to a lattice square, so the nearest is among nine.
Colour cell_colour(const ColourField& field, double x, double y) {
  const double u = x / field.period, v = y / field.period;
  const int i = static_cast<int>(std::floor(u)), j = static_cast<int>(std::floor(v));
  double nearest = std::numeric_limits<double>::max(), share = 0;
  for (int b = j - 1; b <= j + 1; ++b)
    for (int a = i - 1; a <= i + 1; ++a) {
      const double dx = a + lattice(field.seed, a, b) - u;
      const double dy = b + lattice(field.seed + 1, a, b) - v;
      if (dx * dx + dy * dy >= nearest) continue;
      nearest = dx * dx + dy * dy;
      share = lattice(field.seed + 2, a, b);
    }
  return picked(field.palette, share);
}

Colour triangle_colour(const ColourField& field, double x, double y) {
  const double u = x / field.period, v = y / field.period;
  const int i = static_cast<int>(std::floor(u)), j = static_cast<int>(std::floor(v));
  const bool falling = lattice(field.seed, i, j) < 0.5;
  const double a = u - i, b = v - j;
  const bool upper = falling ? a > b : a + b < 1;
  return picked(field.palette, lattice(field.seed + (upper ? 1 : 2), i, j));
}

Colour tile_colour(const ColourField& field, double x, double y) {
  constexpr double kJoint = 0.06;
  const double u = x / field.period, v = y / field.period;
  const int i = static_cast<int>(std::floor(u)), j = static_cast<int>(std::floor(v));
  const double edge = std::min({u - i, v - j, i + 1 - u, j + 1 - v});
  if (edge < kJoint) return {236, 232, 222};
  const double shade = 0.9 + 0.2 * lattice(field.seed + 1, i, j);
  auto colour = picked(field.palette, lattice(field.seed, i, j));
  for (auto& channel : colour) channel = std::min(255.0, channel * shade);
  return colour;
}

Colour colour_at(const ColourField& field, double x, double y) {
  const double dx = x - field.centre_x, dy = y - field.centre_y;
  const auto colours = static_cast<double>(field.palette.size());
  const auto cycled = [&](double periods) {
    return picked(field.palette, periods / colours - std::floor(periods / colours));
  };
  switch (field.kind) {
    case FieldKind::cells:
      return cell_colour(field, x, y);
    case FieldKind::triangles:
      return triangle_colour(field, x, y);
    case FieldKind::tiles:
      return tile_colour(field, x, y);
    case FieldKind::rings:
      return cycled(std::hypot(dx, dy) / field.period * 2);
    case FieldKind::rays: {
      // A whole number of palettes about the centre, so that it closes.
      const double repeats = std::max(2.0, std::round(1 / field.period / colours * 3));
      return cycled((std::atan2(dy, dx) + field.angle) / (2 * std::numbers::pi) * repeats *
                    colours);
    }
    case FieldKind::flow: {
      const double u = x / field.period / 2, v = y / field.period / 2;
      const double bend = noise(field.seed, u, v), other = noise(field.seed + 1, u, v);
      const double level = noise(field.seed + 2, u + 2.2 * bend, v + 2.2 * other);
      return along(field.palette, (level - 0.15) / 0.7);
    }
    case FieldKind::blend: {
      const double u = x * 1.6, v = y * 1.6;
      const double level = 0.65 * noise(field.seed, u, v) +
                           0.35 * (0.5 + dx * std::cos(field.angle) + dy * std::sin(field.angle));
      return along(field.palette, (level - 0.2) / 0.6);
    }
  }
  return {};
}

bool has_edges(FieldKind kind) { return kind != FieldKind::flow && kind != FieldKind::blend; }

}  // namespace

ColourField drawn_field(Random& random, FieldKind kind, std::vector<Rgb> palette) {
  ColourField field{.kind = kind, .palette = std::move(palette)};
  field.period = random.between(0.12, 0.28);
  field.centre_x = random.between(0.2, 0.8);
  field.centre_y = random.between(0.2, 0.8);
  field.angle = random.between(0, 2 * std::numbers::pi);
  field.seed = random.bits();
  return field;
}

void paint_field(const ColourField& field, std::span<float> canvas, int size_px) {
  const double pixel = 1.0 / size_px;
  const bool edges = has_edges(field.kind);
  auto* out = canvas.data();
  for (int row = 0; row < size_px; ++row)
    for (int column = 0; column < size_px; ++column, out += 3) {
      const double x = (column + 0.5) * pixel, y = (row + 0.5) * pixel;
      Colour sum{};
      if (edges) {
        for (const double dy : {-0.25, 0.25})
          for (const double dx : {-0.25, 0.25}) {
            const auto sample = colour_at(field, x + dx * pixel, y + dy * pixel);
            for (std::size_t c = 0; c < 3; ++c) sum[c] += sample[c] / 4;
          }
      } else {
        sum = colour_at(field, x, y);
      }
      for (std::size_t c = 0; c < 3; ++c) out[c] = static_cast<float>(sum[c]);
    }
}

}  // namespace sumi
