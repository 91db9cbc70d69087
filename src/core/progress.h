#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace sumi {

/// One line of news about long work: how far, how fast, how long still.
struct ProgressState {
  std::string what;  ///< "denoising", "training", …
  std::int64_t done = 0;
  std::int64_t total = 0;  ///< 0 when unknown
  double rate_per_s = 0;   ///< units per second over the recent past
  double eta_s = -1;       ///< negative when unknown
  std::string note;        ///< e.g. "loss 0.123"
};

using ProgressSink = std::function<void(const ProgressState&)>;

/// Counts units of work and reports each advance to a sink; the end is reported by the destructor.
class Progress {
 public:
  Progress(std::string what, std::int64_t total, ProgressSink sink, std::int64_t already_done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(std::int64_t units = 1, std::string note = "");
  const ProgressState& state() const { return state_; }

 private:
  using Clock = std::chrono::steady_clock;
  ProgressState state_;
  ProgressSink sink_;
  Clock::time_point last_;
};

/// A sink that redraws one line on the terminal (stderr), or prints a line every few seconds when
/// stderr is not a terminal. `unit` names what is counted: "step", "sample", "file".
ProgressSink terminal_progress(const std::string& unit);

/// "1:02:03", "4:05" or "0:07".
std::string format_duration(double seconds);

}  // namespace sumi
