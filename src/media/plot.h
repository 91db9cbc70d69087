#pragma once

#include <string>
#include <vector>

#include "media/image.h"

namespace sumi {

/// One curve. Points that are not finite or beyond 1e100, or not positive on a logarithmic axis,
/// break it.
struct PlotSeries {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;
};

struct PlotOptions {
  std::string title = "";
  std::string x_label = "";
  std::string y_label = "";
  int width = 1200;  ///< in pixels, at least 240
  int height = 720;  ///< in pixels, at least 180
  bool log_y = false;
};

/// Curves over calm axes with ticks, grid and legend, as RGB pixels. Throws Error when a series' x
/// and y differ in length or the size is too small.
Image plot_lines(const std::vector<PlotSeries>& series, const PlotOptions& options = {});

/// The same figure as SVG text.
std::string plot_lines_svg(const std::vector<PlotSeries>& series, const PlotOptions& options = {});

}  // namespace sumi
