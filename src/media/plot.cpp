#include "media/plot.h"

#include <algorithm>
#include <cmath>

#include "media/bitmap_font.h"
#include "media/figure.h"

namespace sumi {
namespace {

/// Ink per pixel, 0 to 1, of one colour: pieces that overlap do not darken each other.
class Ink {
 public:
  Ink(int width, int height)
      : width_(width), height_(height), amounts_(std::size_t(width) * height) {}

  void add(const Stroke& stroke) {
    const auto& points = stroke.points;
    if (points.size() == 1) add_segment(points[0], points[0], stroke.width_px * 1.5);
    for (std::size_t i = 0; i + 1 < points.size(); ++i)
      add_segment(points[i], points[i + 1], stroke.width_px);
  }

  void blend_into(Image& image, Colour colour) const {
    for (int y = 0; y < height_; ++y)
      for (int x = 0; x < width_; ++x)
        if (const float amount = amounts_[std::size_t(y) * width_ + x]; amount > 0)
          blend_pixel(image, x, y, colour, amount);
  }

 private:
  /// Every pixel whose middle is within half a line width of the segment, with one pixel of
  /// falloff.
  void add_segment(Point from, Point to, double width_px) {
    const double reach = width_px / 2 + 0.5;
    const int first_y = std::max(0, static_cast<int>(std::min(from.y, to.y) - reach - 1));
    const int last_y = std::min(height_ - 1, static_cast<int>(std::max(from.y, to.y) + reach + 1));
    const double dx = to.x - from.x, dy = to.y - from.y, length2 = dx * dx + dy * dy;
    for (int y = first_y; y <= last_y; ++y) {
      const auto [first_x, last_x] = columns_near(from, to, y + 0.5, reach);
      for (int x = first_x; x <= last_x; ++x) {
        const double px = x + 0.5 - from.x, py = y + 0.5 - from.y;
        const double along = length2 > 0 ? std::clamp((px * dx + py * dy) / length2, 0.0, 1.0) : 0;
        const double amount = reach - std::hypot(px - along * dx, py - along * dy);
        float& kept = amounts_[std::size_t(y) * width_ + x];
        kept = std::max(kept, static_cast<float>(std::clamp(amount, 0.0, 1.0)));
      }
    }
  }

  /// The columns a row can meet the segment in; keeps long slanted lines from costing their whole
  /// box.
  std::pair<int, int> columns_near(Point from, Point to, double y, double reach) const {
    double low = std::min(from.x, to.x), high = std::max(from.x, to.x);
    const double dy = to.y - from.y;
    if (std::abs(dy) > 1) {
      const double slope = (to.x - from.x) / dy, slack = reach * (1 + std::abs(slope));
      const double at = from.x + (y - from.y) * slope;
      low = std::max(low, at - slack);
      high = std::min(high, at + slack);
    }
    return {std::max(0, static_cast<int>(low - reach - 1)),
            std::min(width_ - 1, static_cast<int>(high + reach + 1))};
  }

  int width_, height_;
  std::vector<float> amounts_;
};

/// Level and upright rules sit on whole pixels, so that they stay crisp.
void draw_rule(Image& image, const Stroke& rule) {
  const Point from = rule.points.front(), to = rule.points.back();
  const int thick = std::max(1, static_cast<int>(std::lround(rule.width_px)));
  const bool level = std::abs(from.y - to.y) < 0.5;
  const int left = static_cast<int>(std::lround(from.x)) - (level ? 0 : thick / 2);
  const int top = static_cast<int>(std::lround(from.y)) - (level ? thick / 2 : 0);
  const int wide = level ? static_cast<int>(std::lround(to.x - from.x)) : thick;
  const int high = level ? thick : static_cast<int>(std::lround(to.y - from.y));
  for (int y = top; y < top + high; ++y)
    for (int x = left; x < left + wide; ++x) blend_pixel(image, x, y, rule.colour, 1);
}

void draw_label(Image& image, const Label& label) {
  const double width = text_width(label.text, label.scale);
  const double shift = label.anchor == Anchor::start    ? 0
                       : label.anchor == Anchor::middle ? width / 2
                                                        : width;
  // The eye's middle of a line is that of its capitals, seven of the nine dots.
  const double middle = 3.5 * label.scale;
  const TextStyle style{label.colour, label.scale,
                        label.upward ? TextDirection::upward : TextDirection::across};
  const double x = label.upward ? label.at.x - middle : label.at.x - shift;
  const double y = label.upward ? label.at.y + shift : label.at.y - middle;
  draw_text(image, static_cast<int>(std::lround(x)), static_cast<int>(std::lround(y)), label.text,
            style);
}

}  // namespace

Image plot_lines(const std::vector<PlotSeries>& series, const PlotOptions& options) {
  const Figure figure = compose_figure(series, options);
  Image image = filled_image(figure.width, figure.height, figure.background);
  for (const Stroke& rule : figure.rules) draw_rule(image, rule);
  for (const auto& curve : figure.curves) {
    if (curve.empty()) continue;
    Ink ink(figure.width, figure.height);
    for (const Stroke& piece : curve) ink.add(piece);
    ink.blend_into(image, curve.front().colour);
  }
  for (const Label& label : figure.labels) draw_label(image, label);
  return image;
}

}  // namespace sumi
