#include "training/run_log.h"

#include <sstream>

#include "core/files.h"
#include "media/image.h"

namespace sumi {

void RunLog::add(const Json& line) { text_ += line.dump() + "\n"; }

std::vector<Json> RunLog::lines() const {
  std::vector<Json> lines;
  std::istringstream text(text_);
  for (std::string line; std::getline(text, line);) lines.push_back(parse_json(line, "log.jsonl"));
  return lines;
}

void RunLog::write(const std::filesystem::path& folder) const {
  write_file(folder / "log.jsonl", text_);
}

void RunLog::draw(const std::filesystem::path& folder) const {
  const auto series = loss_curves(lines());
  if (series.front().x.empty()) return;
  save_image(folder / "loss.png", plot_lines(series, loss_figure()));
  write_file(folder / "loss.svg", plot_lines_svg(series, loss_figure()));
}

PlotSeries curve_of(const std::vector<Json>& lines, const std::string& column, std::string name) {
  PlotSeries series{std::move(name), {}, {}};
  for (const auto& line : lines) {
    if (!line.contains(column) || !line[column].is_number()) continue;
    series.x.push_back(line.at("samples").get<double>());
    series.y.push_back(line[column].get<double>());
  }
  return series;
}

std::vector<PlotSeries> loss_curves(const std::vector<Json>& lines) {
  return {curve_of(lines, "mean_loss", "training (running mean)"),
          curve_of(lines, "validation_loss", "validation")};
}

PlotOptions loss_figure() {
  PlotOptions options;
  options.title = "Loss";
  options.x_label = "samples seen";
  options.y_label = "loss";
  options.log_y = true;
  return options;
}

}  // namespace sumi
