#include "core/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <utility>

namespace sumi {
namespace {

constexpr double kRateMemory = 0.8;  // weight of the past in the running rate
constexpr double kQuietInterval_s = 10;

int terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

std::string bar(double fraction, int cells) {
  static const char* const kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(std::lround(std::clamp(fraction, 0.0, 1.0) * cells * 8));
  std::string text;
  for (int i = 0; i < eighths / 8; ++i) text += "█";
  text += kEighths[eighths % 8];
  for (int i = (eighths + 7) / 8; i < cells; ++i) text += " ";
  return text;
}

std::string describe(const ProgressState& state, const std::string& unit, bool with_bar) {
  std::string text = state.what;
  if (state.total > 0) {
    const double fraction = static_cast<double>(state.done) / static_cast<double>(state.total);
    if (with_bar)
      text += fmt::format(" |{}|", bar(fraction, std::clamp(terminal_columns() - 64, 8, 32)));
    text += fmt::format(" {:3.0f} % {}/{}", 100 * fraction, state.done, state.total);
  } else {
    text += fmt::format(" {}", state.done);
  }
  if (state.rate_per_s >= 1)
    text += fmt::format(" {:.1f} {}s/s", state.rate_per_s, unit);
  else if (state.rate_per_s > 0)
    text += fmt::format(" {:.1f} s/{}", 1 / state.rate_per_s, unit);
  if (state.eta_s >= 0 && state.done < state.total)
    text += fmt::format(", {} left", format_duration(state.eta_s));
  if (!state.note.empty()) text += ", " + state.note;
  return text;
}

}  // namespace

Progress::Progress(std::string what, std::int64_t total, ProgressSink sink,
                   std::int64_t already_done)
    : sink_(std::move(sink)), last_(Clock::now()) {
  state_.what = std::move(what);
  state_.total = total;
  state_.done = already_done;
}

Progress::~Progress() {
  if (!sink_) return;
  state_.eta_s = 0;
  if (state_.total == 0) state_.total = state_.done;
  sink_(state_);
}

void Progress::advance(std::int64_t units, std::string note) {
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - last_).count();
  last_ = now;
  const double rate = static_cast<double>(units) / std::max(seconds, 1e-9);
  // Averaging seconds per unit, not units per second, keeps one fast step from promising too much.
  const double past = state_.rate_per_s;
  state_.rate_per_s = past > 0 ? 1 / (kRateMemory / past + (1 - kRateMemory) / rate) : rate;
  state_.done += units;
  state_.note = std::move(note);
  if (state_.total > 0)
    state_.eta_s = static_cast<double>(state_.total - state_.done) / state_.rate_per_s;
  if (sink_) sink_(state_);
}

ProgressSink terminal_progress(const std::string& unit) {
  using Clock = std::chrono::steady_clock;
  const bool live = isatty(STDERR_FILENO);
  auto last = std::make_shared<Clock::time_point>();
  return [unit, live, last](const ProgressState& state) {
    const bool end = state.total > 0 && state.done >= state.total && state.eta_s == 0;
    const auto now = Clock::now();
    const double since = std::chrono::duration<double>(now - *last).count();
    if (!end && since < (live ? 0.05 : kQuietInterval_s)) return;
    *last = now;
    const std::string line = describe(state, unit, live);
    if (live)
      fmt::print(stderr, "\r\x1b[K{}{}", line, end ? "\n" : "");
    else
      fmt::print(stderr, "{}\n", line);
    std::fflush(stderr);
  };
}

std::string format_duration(double seconds) {
  const auto s = static_cast<std::int64_t>(std::llround(std::max(0.0, seconds)));
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

}  // namespace sumi
