#include "data/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sumi {
namespace {

constexpr PatternKind kKinds[] = {PatternKind::vertical_stripes,
                                  PatternKind::horizontal_stripes,
                                  PatternKind::diagonal_stripes,
                                  PatternKind::checks,
                                  PatternKind::diamonds,
                                  PatternKind::dots,
                                  PatternKind::grid,
                                  PatternKind::zigzag,
                                  PatternKind::waves,
                                  PatternKind::plaid,
                                  PatternKind::gradient};

double from_middle(double periods) { return std::abs(periods - std::floor(periods) - 0.5); }

/// Signed distance in periods into every second half period.
double band(double periods) { return 0.25 - from_middle(periods); }

/// Positive where exactly one of two distances is.
double either(double a, double b) {
  return std::min(std::abs(a), std::abs(b)) * (a * b > 0 ? 1 : -1);
}

double dots(double u, double v) {
  constexpr double kRadius = 0.26;
  const double row = std::floor(v);
  const double shift = std::fmod(std::abs(row), 2) < 0.5 ? 0 : 0.5;
  return kRadius - std::hypot(from_middle(u + shift), from_middle(v));
}

/// Signed distance in periods to the figure's edge.
double distance(PatternKind kind, double u, double v) {
  constexpr double kLine = 0.09;
  switch (kind) {
    case PatternKind::vertical_stripes:
      return band(u);
    case PatternKind::horizontal_stripes:
      return band(v);
    case PatternKind::diagonal_stripes:
      return band((u + v) / std::numbers::sqrt2);
    case PatternKind::checks:
      return either(band(u), band(v));
    case PatternKind::diamonds:
      return either(band((u + v) / std::numbers::sqrt2), band((u - v) / std::numbers::sqrt2));
    case PatternKind::dots:
      return dots(u, v);
    case PatternKind::grid:
      return kLine - std::min(from_middle(u), from_middle(v));
    case PatternKind::zigzag:
      return band(v + from_middle(u)) / std::numbers::sqrt2;
    case PatternKind::waves:
      return band(v + 0.18 * std::sin(2 * std::numbers::pi * u));
    case PatternKind::plaid:
    case PatternKind::gradient:
      break;
  }
  return 0;
}

}  // namespace

double Pattern::share_at(double x, double y, double pixel) const {
  if (kind == PatternKind::gradient) {
    const double dx = std::cos(angle), dy = std::sin(angle);
    const double reach = (std::abs(dx) + std::abs(dy)) / 2;
    return std::clamp(0.5 + ((x - 0.5) * dx + (y - 0.5) * dy) / (2 * reach), 0.0, 1.0);
  }
  const double u = x / period + phase_x, v = y / period + phase_y;
  const auto covered = [&](double periods) {
    return std::clamp(periods * period / pixel + 0.5, 0.0, 1.0);
  };
  if (kind == PatternKind::plaid) return (covered(band(u)) + covered(band(v))) / 2;
  return covered(distance(kind, u, v));
}

std::string pattern_words(const Pattern& pattern, std::string_view first, std::string_view second) {
  const char* look = "";
  switch (pattern.kind) {
    case PatternKind::vertical_stripes:
      look = "vertically striped";
      break;
    case PatternKind::horizontal_stripes:
      look = "horizontally striped";
      break;
    case PatternKind::diagonal_stripes:
      look = "diagonally striped";
      break;
    case PatternKind::checks:
      look = "checkered";
      break;
    case PatternKind::diamonds:
      look = "diamond patterned";
      break;
    case PatternKind::dots:
      look = "dotted";
      break;
    case PatternKind::grid:
      look = "grid";
      break;
    case PatternKind::zigzag:
      look = "zigzag";
      break;
    case PatternKind::waves:
      look = "wavy";
      break;
    case PatternKind::plaid:
      look = "plaid";
      break;
    case PatternKind::gradient:
      return fmt::format("{} to {} gradient", first, second);
  }
  return fmt::format("{} and {} {}", first, second, look);
}

Pattern drawn_pattern(Random& random, PatternKind kind, const Rgb& first, const Rgb& second) {
  Pattern pattern{kind, first, second};
  pattern.period = random.between(0.1, 0.3);
  pattern.phase_x = random.real();
  pattern.phase_y = random.real();
  pattern.angle = random.between(0, 2 * std::numbers::pi);
  return pattern;
}

PatternKind any_pattern(Random& random) { return random.pick(kKinds); }

void paint_pattern(const Pattern& pattern, std::span<float> canvas, int size_px) {
  const double pixel = 1.0 / size_px;
  auto* out = canvas.data();
  for (int y = 0; y < size_px; ++y)
    for (int x = 0; x < size_px; ++x, out += 3) {
      const auto share =
          static_cast<float>(pattern.share_at((x + 0.5) * pixel, (y + 0.5) * pixel, pixel));
      for (std::size_t c = 0; c < 3; ++c)
        out[c] = static_cast<float>(pattern.first[c]) * (1 - share) +
                 static_cast<float>(pattern.second[c]) * share;
    }
}

}  // namespace sumi
