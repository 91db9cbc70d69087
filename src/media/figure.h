#pragma once

#include <array>
#include <string>
#include <vector>

#include "media/plot.h"

namespace sumi {

// Inside this room: a plot as a list of things to draw, so that pixels and SVG show the same
// figure.

using Colour = std::array<std::uint8_t, 3>;

struct Point {
  double x = 0;  ///< pixels from the left
  double y = 0;  ///< pixels from the top
};

/// A line through two or more points; one point is a dot.
struct Stroke {
  std::vector<Point> points;
  Colour colour;
  double width_px = 1;
};

enum class Anchor { start, middle, end };

struct Label {
  Point at;  ///< the anchor's side of the text, at its middle height
  std::string text;
  Colour colour;
  int scale = 1;  ///< of the bitmap font
  Anchor anchor = Anchor::start;
  bool upward = false;
};

struct Figure {
  int width = 0, height = 0;
  Colour background;
  std::vector<Stroke> rules;                ///< grid, axes and legend keys
  std::vector<std::vector<Stroke>> curves;  ///< one list of unbroken pieces for each series
  std::vector<Label> labels;
};

/// Places axes, ticks, curves and legend. Throws Error as plot_lines() does.
Figure compose_figure(const std::vector<PlotSeries>& series, const PlotOptions& options);

}  // namespace sumi
