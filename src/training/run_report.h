#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "core/json.h"
#include "media/image.h"
#include "training/event_file.h"
#include "training/run_log.h"
#include "training/task.h"

namespace sumi {

/// What a person looks at while a run goes on: OUTPUT/index.html, one file with curves, numbers and
/// a strip of pictures for each validation, replaced whole each time; and
/// OUTPUT/tensorboard/events.out.tfevents.…, the log's numbers and the pictures as TensorBoard
/// reads them. The strips are kept as OUTPUT/validation/SAMPLES.png.
class RunReport {
 public:
  /// `log`: what is there already of a run that goes on.
  RunReport(std::filesystem::path output, std::string title, std::int64_t total_samples,
            const RunLog& log);

  /// A new line of the log.
  void add(const Json& line);
  /// The pictures of a validation after `samples`.
  void add(const Panel& panel, std::int64_t samples);
  /// Writes the page, at most once in two seconds unless `always`. It asks to be loaded again until
  /// the run has ended.
  void write(const RunLog& log, bool always, bool ended = false);

 private:
  std::filesystem::path output_;
  std::string title_;
  std::int64_t total_;
  std::unique_ptr<EventFile> events_;
  std::chrono::steady_clock::time_point written_{};
};

}  // namespace sumi
