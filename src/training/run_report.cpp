#include "training/run_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base64.h"
#include "core/files.h"
#include "media/resize.h"
#include "training/export.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr int kStripPictures = 8;
constexpr int kStripHeight = 96;  // pixels
constexpr std::size_t kStripsShown = 24;

constexpr const char* kStyle = R"(
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fafafa;
       max-width: 1040px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; margin-bottom: 0; } h2 { font-size: 1.1em; margin-top: 2em; }
p.note { color: #666; margin-top: 0.2em; }
progress { width: 100%; height: 0.6em; }
table { border-collapse: collapse; } td { padding: 0.1em 1.5em 0.1em 0; }
td:last-child { font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; background: #fff; }
figure { margin: 0.6em 0; } figcaption { color: #666; font-size: 0.9em; }
figure img { max-width: 100%; image-rendering: auto; }
)";

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text)
    safe += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
  return safe;
}

/// The first pictures side by side, all of one height.
Image strip_of(const Panel& panel) {
  std::vector<Image> row;
  int width = 0;
  for (const auto& picture : panel.pictures) {
    if (row.size() == kStripPictures) break;
    const int scaled = std::max(1, picture.width * kStripHeight / picture.height);
    row.push_back(resize(picture, scaled, kStripHeight));
    width += scaled;
  }
  Image strip{width, kStripHeight, 3, {}};
  for (int y = 0; y < kStripHeight; ++y)
    for (const auto& picture : row)
      for (int x = 0; x < picture.width; ++x)
        for (int c = 0; c < 3; ++c)
          strip.pixels.push_back(
              picture.pixels[static_cast<std::size_t>(y * picture.width + x) *
                                 static_cast<std::size_t>(picture.channels) +
                             static_cast<std::size_t>(std::min(c, picture.channels - 1))]);
  return strip;
}

/// A figure of one column of the log; empty where the log has none of it.
std::string curve_section(const std::vector<Json>& lines, const std::string& column,
                          const std::string& title) {
  const PlotSeries series = curve_of(lines, column, title);
  if (series.x.empty()) return {};
  PlotOptions options;
  options.title = title;
  options.x_label = "samples seen";
  options.y_label = title;
  options.height = 360;
  return plot_lines_svg({series}, options);
}

std::string last_numbers(const Json& line) {
  std::string rows;
  for (const auto& [name, value] : line.items())
    if (value.is_number())
      rows += fmt::format(
          "<tr><td>{}</td><td>{}</td></tr>\n", escaped(name),
          value.is_number_float() ? fmt::format("{:.6g}", value.get<double>()) : value.dump());
  return "<table>\n" + rows + "</table>\n";
}

std::string strips_section(const fs::path& folder) {
  std::vector<fs::path> files;
  if (fs::is_directory(folder))
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.path().extension() == ".png") files.push_back(entry);
  if (files.empty()) return {};
  std::sort(files.rbegin(), files.rend());
  if (files.size() > kStripsShown) files.resize(kStripsShown);
  std::string html = "<h2>Validation pictures, newest first</h2>\n";
  for (const auto& file : files) {
    const auto png = read_text_file(file);
    html += fmt::format(
        "<figure><img alt=\"\" src=\"data:image/png;base64,{}\">"
        "<figcaption>after {} samples</figcaption></figure>\n",
        base64(std::as_bytes(std::span(png))), std::stoll(file.stem().string()));
  }
  return html;
}

/// An SVG file as a part of a page.
std::string inlined(const std::string& svg) {
  const auto start = svg.find("<svg");
  return start == std::string::npos ? svg : svg.substr(start);
}

}  // namespace

RunReport::RunReport(fs::path output, std::string title, std::int64_t total_samples,
                     const RunLog& log)
    : output_(std::move(output)), title_(std::move(title)), total_(total_samples) {
  const fs::path folder = output_ / "tensorboard";
  std::error_code ignored;
  fs::remove_all(folder, ignored);  // of the same run: its numbers follow, from the log
  make_folder(folder);
  events_ = std::make_unique<EventFile>(folder / "events.out.tfevents.0000000000.sumi");
  for (const auto& line : log.lines()) add(line);
}

void RunReport::add(const Json& line) {
  const auto samples = line.at("samples").get<std::int64_t>();
  for (const auto& [name, value] : line.items())
    if (value.is_number() && name != "samples")
      events_->add_scalar(samples, name, value.get<double>());
}

void RunReport::add(const Panel& panel, std::int64_t samples) {
  const Image strip = strip_of(panel);
  const auto png = encode_image(strip, {});
  make_folder(output_ / "validation");
  write_file(output_ / "validation" / fmt::format("{:012}.png", samples),
             std::span<const std::byte>(png));
  events_->add_image(samples, "validation", strip.width, strip.height, png);
}

void RunReport::write(const RunLog& log, bool always, bool ended) {
  const auto now = std::chrono::steady_clock::now();
  if (!always && now - written_ < std::chrono::seconds(2)) return;
  const auto lines = log.lines();
  if (lines.empty()) return;
  const auto samples = lines.back().at("samples").get<std::int64_t>();
  std::string html = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n";
  if (!ended) html += "<meta http-equiv=\"refresh\" content=\"10\">\n";
  html += fmt::format("<title>{0}: {1} of {2}</title>\n<style>{3}</style></head><body>\n",
                      escaped(title_), samples, total_, kStyle);
  html += fmt::format(
      "<h1>{}</h1>\n<p class=\"note\">{} of {} samples, {}</p>\n"
      "<progress max=\"{}\" value=\"{}\"></progress>\n",
      escaped(title_), samples, total_, ended ? "ended" : "in training", total_, samples);
  html += inlined(plot_lines_svg(loss_curves(lines), loss_figure()));
  html += strips_section(output_ / "validation");
  html += inlined(curve_section(lines, "learning_rate", "Learning rate"));
  html += inlined(curve_section(lines, "gradient_norm", "Gradient norm"));
  html += "<h2>Last line of the log</h2>\n" + last_numbers(lines.back());
  write_file(output_ / "index.html", html + "</body></html>\n");
  written_ = now;
}

}  // namespace sumi
