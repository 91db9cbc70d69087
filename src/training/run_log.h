#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "media/plot.h"

namespace sumi {

/// A run's log: one JSON object a line, kept in memory and written out whole, so that a resumed run
/// ends with exactly the file of an uninterrupted one. Wall-clock times are left out for the same
/// reason.
class RunLog {
 public:
  void restore(std::string text) { text_ = std::move(text); }
  void add(const Json& line);
  const std::string& text() const { return text_; }
  std::vector<Json> lines() const;
  /// Writes `folder`/log.jsonl.
  void write(const std::filesystem::path& folder) const;
  /// Draws the loss curve as `folder`/loss.png and loss.svg.
  void draw(const std::filesystem::path& folder) const;

 private:
  std::string text_;
};

/// A column of a log over the samples seen; lines without it are left out.
PlotSeries curve_of(const std::vector<Json>& lines, const std::string& column, std::string name);

/// The loss of training and of validation.
std::vector<PlotSeries> loss_curves(const std::vector<Json>& lines);
PlotOptions loss_figure();

}  // namespace sumi
