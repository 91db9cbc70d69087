#include "training/run_log.h"

#include <sstream>

#include "core/files.h"
#include "media/image.h"
#include "media/plot.h"

namespace sumi {

void RunLog::add(const Json& line) { text_ += line.dump() + "\n"; }

void RunLog::write(const std::filesystem::path& folder) const {
  write_file(folder / "log.jsonl", text_);
}

void RunLog::draw(const std::filesystem::path& folder) const {
  PlotSeries training{"training (running mean)", {}, {}};
  PlotSeries validation{"validation", {}, {}};
  std::istringstream lines(text_);
  for (std::string text; std::getline(lines, text);) {
    const Json line = parse_json(text, "log.jsonl");
    const auto append = [&](PlotSeries& series, const char* key) {
      if (!line.contains(key) || !line[key].is_number()) return;
      series.x.push_back(line.at("samples").get<double>());
      series.y.push_back(line[key].get<double>());
    };
    append(training, "mean_loss");
    append(validation, "validation_loss");
  }
  if (training.x.empty()) return;
  PlotOptions options;
  options.title = "Loss";
  options.x_label = "samples seen";
  options.y_label = "loss";
  options.log_y = true;
  const std::vector<PlotSeries> series = {training, validation};
  save_image(folder / "loss.png", plot_lines(series, options));
  write_file(folder / "loss.svg", plot_lines_svg(series, options));
}

}  // namespace sumi
