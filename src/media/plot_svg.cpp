#include <fmt/format.h>

#include "media/figure.h"
#include "media/plot.h"

namespace sumi {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char letter : text) {
    if (letter == '&')
      out += "&amp;";
    else if (letter == '<')
      out += "&lt;";
    else if (letter == '>')
      out += "&gt;";
    else if (letter == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(letter) >= 32)
      out += letter;
  }
  return out;
}

std::string hex(Colour colour) {
  return fmt::format("#{:02x}{:02x}{:02x}", colour[0], colour[1], colour[2]);
}

std::string stroke_text(const Stroke& stroke) {
  std::string points;
  for (const Point& point : stroke.points)
    points += fmt::format("{:.2f},{:.2f} ", point.x, point.y);
  if (stroke.points.size() == 1)  // a dot
    points += fmt::format("{:.2f},{:.2f} ", stroke.points[0].x + 0.01, stroke.points[0].y);
  points.pop_back();
  return fmt::format("<polyline points=\"{}\" stroke=\"{}\" stroke-width=\"{:g}\"/>\n", points,
                     hex(stroke.colour), stroke.width_px);
}

std::string label_text(const Label& label) {
  const char* anchor = label.anchor == Anchor::start    ? "start"
                       : label.anchor == Anchor::middle ? "middle"
                                                        : "end";
  const std::string turned =
      label.upward ? fmt::format(" transform=\"rotate(-90 {:.2f} {:.2f})\"", label.at.x, label.at.y)
                   : "";
  return fmt::format(
      "<text x=\"{:.2f}\" y=\"{:.2f}\" dy=\"0.35em\" font-size=\"{}\" fill=\"{}\" "
      "text-anchor=\"{}\"{}>{}"
      "</text>\n",
      label.at.x, label.at.y, 9 * label.scale, hex(label.colour), anchor, turned,
      escaped(label.text));
}

}  // namespace

std::string plot_lines_svg(const std::vector<PlotSeries>& series, const PlotOptions& options) {
  const Figure figure = compose_figure(series, options);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"{2}\"/>\n"
      "<g fill=\"none\" stroke-linecap=\"butt\">\n",
      figure.width, figure.height, hex(figure.background));
  for (const Stroke& rule : figure.rules) svg += stroke_text(rule);
  svg += "</g>\n<g fill=\"none\" stroke-linecap=\"round\" stroke-linejoin=\"round\">\n";
  for (const auto& curve : figure.curves)
    for (const Stroke& piece : curve) svg += stroke_text(piece);
  svg += "</g>\n<g font-family=\"Inter, Helvetica, Arial, sans-serif\">\n";
  for (const Label& label : figure.labels) svg += label_text(label);
  return svg + "</g>\n</svg>\n";
}

}  // namespace sumi
