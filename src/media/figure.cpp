#include "media/figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "media/bitmap_font.h"

namespace sumi {
namespace {

constexpr Colour paper = {252, 251, 249};
constexpr Colour ink = {58, 56, 53};
constexpr Colour quiet_ink = {122, 118, 112};
constexpr Colour grid = {231, 228, 222};
constexpr Colour axis = {176, 171, 163};
constexpr Colour palette[] = {{47, 107, 166}, {201, 92, 62},  {75, 138, 86},  {219, 158, 50},
                              {126, 92, 158}, {58, 155, 155}, {142, 101, 72}, {201, 102, 140}};

Colour series_colour(std::size_t i) { return palette[i % std::size(palette)]; }

/// From data to pixels along one axis.
struct Axis {
  double low = 0, high = 1;          // in data units
  double first_px = 0, last_px = 1;  // where they stand
  bool logarithmic = false;

  double place(double value) const {
    const double part =
        logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
    return first_px + part * (last_px - first_px);
  }
};

constexpr double far = 1e100;  // beyond it, differences and quotients of two values overflow

bool drawable(double x, double y, bool log_y) {
  return std::abs(x) <= far && std::abs(y) <= far && (!log_y || y >= 1 / far);
}

struct Bounds {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

/// Bounds that differ by more than rounding.
Bounds opened(Bounds bounds) {
  if (bounds.low > bounds.high) return {0, 1};
  const double size = std::max(std::abs(bounds.low), std::abs(bounds.high));
  if (bounds.high - bounds.low > 1e-9 * size) return bounds;
  const double slack = std::max(size * 0.1, 1e-3);
  return {bounds.low - slack, bounds.high + slack};
}

/// Bounds with air below and above the curves.
Bounds with_air(Bounds bounds, bool logarithmic) {
  if (!logarithmic) {
    const Bounds open = opened(bounds);
    const double slack = (open.high - open.low) * 0.04;
    return {open.low - slack, open.high + slack};
  }
  if (bounds.low > bounds.high) return {0.1, 1};
  const double slack = std::max(std::pow(bounds.high / bounds.low, 0.04), 1.05);
  return {bounds.low / slack, bounds.high * slack};
}

/// 1, 2 or 5 times a power of ten, at least `rough`.
double round_step(double rough) {
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

std::vector<double> linear_ticks(double low, double high, int most) {
  const double step = round_step((high - low) / std::max(1, most));
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i <= most + 1 && (first + i) * step <= high + step * 1e-9; ++i)
    ticks.push_back((first + i) * step);
  return ticks;
}

/// Powers of ten, with 2 and 5 between them where there is room; linear steps within one decade.
std::vector<double> log_ticks(double low, double high, int most) {
  const double decades = std::log10(high / low);
  if (decades < 1) return linear_ticks(low, high, most);
  const bool between = decades * 3 <= most;
  const int stride = std::max(1, static_cast<int>(std::ceil(decades / most)));
  std::vector<double> ticks;
  for (int power = static_cast<int>(std::floor(std::log10(low))); std::pow(10, power) <= high;
       ++power) {
    if (power % stride != 0) continue;
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double tick = factor * std::pow(10, power);
      if ((factor == 1 || between) && tick >= low && tick <= high) ticks.push_back(tick);
    }
  }
  return ticks;
}

/// The shortest form that tells ticks apart; thousands and millions are shortened.
std::string tick_text(double value, double largest) {
  const double zero_below = largest * 1e-9;
  if (std::abs(value) < zero_below) return "0";
  if (largest >= 1e7) return fmt::format("{:.4g}M", value / 1e6);
  if (largest >= 1e4) return fmt::format("{:.4g}k", value / 1e3);
  return fmt::format("{:.4g}", value);
}

std::vector<std::string> tick_texts(const std::vector<double>& ticks, bool each_for_itself) {
  double largest = 0;
  for (const double tick : ticks) largest = std::max(largest, std::abs(tick));
  std::vector<std::string> texts;
  for (const double tick : ticks)
    texts.push_back(tick_text(tick, each_for_itself ? std::abs(tick) : largest));
  return texts;
}

class Composer {
 public:
  Composer(const std::vector<PlotSeries>& series, const PlotOptions& options)
      : series_(series), options_(options), scale_(std::clamp(options.width / 560, 1, 3)) {
    figure_.width = options.width;
    figure_.height = options.height;
    figure_.background = paper;
    line_ = text_height(scale_);
    margin_ = 2.0 * line_;
  }

  Figure run() {
    measure();
    double top = margin_;
    if (!options_.title.empty()) {
      const int large = scale_ + 1;
      add_label({margin_, top + text_height(large) / 2.0}, options_.title, ink, large,
                Anchor::start);
      top += text_height(large) + line_;
    }
    top = add_legend(top);
    place_axes(top);
    add_grid();
    for (std::size_t i = 0; i < series_.size(); ++i) add_curve(i);
    add_axis_labels();
    return std::move(figure_);
  }

 private:
  void measure() {
    Bounds across, down;
    for (const PlotSeries& one : series_)
      for (std::size_t i = 0; i < one.x.size(); ++i) {
        if (!drawable(one.x[i], one.y[i], options_.log_y)) continue;
        across.include(one.x[i]);
        down.include(one.y[i]);
      }
    across = opened(across);
    down = with_air(down, options_.log_y);
    x_ = {across.low, across.high, 0, 1, false};
    y_ = {down.low, down.high, 0, 1, options_.log_y};
  }

  void add_label(Point at, std::string text, Colour colour, int scale, Anchor anchor,
                 bool upward = false) {
    figure_.labels.push_back({at, std::move(text), colour, scale, anchor, upward});
  }

  /// Keys in rows above the curves; returns where the next thing may begin.
  double add_legend(double top) {
    const double key = 3.0 * line_, gap = 0.6 * line_, between = 2.0 * line_;
    double x = margin_;
    bool any = false;
    for (std::size_t i = 0; i < series_.size(); ++i) {
      if (series_[i].name.empty()) continue;
      const double width = key + gap + text_width(series_[i].name, scale_);
      if (any && x + width > options_.width - margin_) {
        x = margin_;
        top += 1.8 * line_;
      }
      const double y = top + line_ / 2.0;
      figure_.rules.push_back({{{x, y}, {x + key, y}}, series_colour(i), 2.0 * scale_});
      add_label({x + key + gap, y}, series_[i].name, ink, scale_, Anchor::start);
      x += width + between;
      any = true;
    }
    return any ? top + 2.4 * line_ : top;
  }

  void place_axes(double top) {
    const double below = 1.6 * line_ + (options_.x_label.empty() ? 0 : 1.8 * line_);
    y_.first_px = options_.height - margin_ - below;
    y_.last_px = top;
    const int most_down = std::max(2, static_cast<int>((y_.first_px - y_.last_px) / (5 * line_)));
    y_ticks_ = y_.logarithmic ? log_ticks(y_.low, y_.high, most_down)
                              : linear_ticks(y_.low, y_.high, most_down);
    y_texts_ = tick_texts(y_ticks_, y_.logarithmic);
    double widest = 0;
    for (const auto& text : y_texts_) widest = std::max<double>(widest, text_width(text, scale_));
    x_.first_px = margin_ + widest + line_ + (options_.y_label.empty() ? 0 : 2.0 * line_);
    x_.last_px = options_.width - margin_;
    const int most_across =
        std::max(2, static_cast<int>((x_.last_px - x_.first_px) / (10 * line_)));
    x_ticks_ = linear_ticks(x_.low, x_.high, most_across);
    x_texts_ = tick_texts(x_ticks_, false);
  }

  void add_grid() {
    for (std::size_t i = 0; i < y_ticks_.size(); ++i) {
      const double y = y_.place(y_ticks_[i]);
      figure_.rules.push_back({{{x_.first_px, y}, {x_.last_px, y}}, grid, 1.0});
      add_label({x_.first_px - line_, y}, y_texts_[i], quiet_ink, scale_, Anchor::end);
    }
    for (std::size_t i = 0; i < x_ticks_.size(); ++i) {
      const double x = x_.place(x_ticks_[i]), y = y_.first_px;
      figure_.rules.push_back({{{x, y}, {x, y + line_ / 2.0}}, axis, 1.0});
      add_label({x, y + 1.5 * line_}, x_texts_[i], quiet_ink, scale_, Anchor::middle);
    }
    figure_.rules.push_back({{{x_.first_px, y_.first_px}, {x_.last_px, y_.first_px}}, axis, 1.0});
  }

  void add_curve(std::size_t index) {
    const PlotSeries& one = series_[index];
    const Stroke empty{{}, series_colour(index), 1.0 * scale_};
    std::vector<Stroke> pieces{empty};
    for (std::size_t i = 0; i < one.x.size(); ++i) {
      if (drawable(one.x[i], one.y[i], options_.log_y))
        pieces.back().points.push_back({x_.place(one.x[i]), y_.place(one.y[i])});
      else if (!pieces.back().points.empty())
        pieces.push_back(empty);
    }
    if (pieces.back().points.empty()) pieces.pop_back();
    figure_.curves.push_back(std::move(pieces));
  }

  void add_axis_labels() {
    const double middle_x = (x_.first_px + x_.last_px) / 2,
                 middle_y = (y_.first_px + y_.last_px) / 2;
    if (!options_.x_label.empty())
      add_label({middle_x, options_.height - margin_ + line_ / 2.0 - line_}, options_.x_label, ink,
                scale_, Anchor::middle);
    if (!options_.y_label.empty())
      add_label({margin_ + line_ / 2.0, middle_y}, options_.y_label, ink, scale_, Anchor::middle,
                true);
  }

  const std::vector<PlotSeries>& series_;
  const PlotOptions& options_;
  int scale_;
  int line_ = 0;  // height of a line of text, the figure's unit
  double margin_ = 0;
  Axis x_, y_;
  std::vector<double> x_ticks_, y_ticks_;
  std::vector<std::string> x_texts_, y_texts_;
  Figure figure_;
};

}  // namespace

Figure compose_figure(const std::vector<PlotSeries>& series, const PlotOptions& options) {
  if (options.width < 240 || options.height < 180 || options.width > 16384 ||
      options.height > 16384)
    throw Error(fmt::format("a plot of {}x{} pixels", options.width, options.height),
                "give 240x180 to 16384x16384");
  for (const PlotSeries& one : series)
    if (one.x.size() != one.y.size())
      throw Error(fmt::format("series \"{}\" has {} x and {} y values", one.name, one.x.size(),
                              one.y.size()),
                  "give as many of both");
  return Composer(series, options).run();
}

}  // namespace sumi
