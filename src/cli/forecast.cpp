#include "cli/forecast.h"

#include <fmt/format.h>

#include "cli/machine.h"
#include "cli/plain_commands.h"
#include "core/files.h"
#include "core/paths.h"
#include "core/runtime.h"
#include "pipelines/model_set.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMostRuns = 256;
/// Operations a second of a core where nothing was measured yet, from docs/performance.md.
constexpr double kFloatRate = 60e9, kInt8Rate = 160e9;

fs::path store() { return cache_directory() / "runs.json"; }

/// {"runs": {key: {"peak_bytes", "seconds_per_operation"}}, "rates": {key: seconds}}; empty where
/// there is none or it cannot be read.
Json past_runs() {
  const Json nothing = {{"runs", Json::object()}, {"rates", Json::object()}};
  try {
    if (!fs::exists(store())) return nothing;
    Json past = read_json(store());
    return past.is_object() && past.contains("runs") && past["runs"].is_object() &&
                   past.contains("rates") && past["rates"].is_object()
               ? past
               : nothing;
  } catch (const std::exception&) {
    return nothing;
  }
}

/// A number of a remembered run; 0 where there is none.
double number_of(const Json& object, const char* name) {
  return object.is_object() && object.contains(name) && object[name].is_number()
             ? object[name].get<double>()
             : 0;
}

/// The model as a place and a time, so that another file under its name is another model.
std::string identity(const std::string& model) {
  const auto path = fs::weakly_canonical(model_path(model));
  std::error_code unknown;
  const auto changed = fs::last_write_time(path, unknown).time_since_epoch().count();
  return fmt::format("{} {}", path.string(), unknown ? 0 : changed);
}

}  // namespace

RunForecast::RunForecast(const GenerateRequest& request, const MachineOptions& machine)
    : model_(identity(request.model)),
      machine_(read_machine().processor),
      threads_(machine.threads > 0 ? machine.threads : available_cores()) {}

void RunForecast::plan(const MemoryPlan& plan, const GenerateRequest& r, double seconds_so_far) {
  planned_ = true;
  words_ = describe(plan);
  operations_ = plan.operations;
  before_s_ = seconds_so_far;
  rate_key_ = fmt::format("{} {} {}", machine_, threads_, plan.precision);
  key_ = fmt::format("{} {} {}x{} {} {} {} {} {} {}", rate_key_, model_, r.width, r.height, words_,
                     r.vae, r.image.empty() ? "text" : "image", r.hires_scale, r.step_cache,
                     r.token_merging);
  const Json past = past_runs();
  const Json run = past["runs"].value(key_, Json());
  const double rate = past["rates"].contains(rate_key_) && past["rates"][rate_key_].is_number()
                          ? past["rates"][rate_key_].get<double>()
                          : 1 / (threads_ * (plan.precision == "int8" ? kInt8Rate : kFloatRate));
  const double peak = number_of(run, "peak_bytes"), pace = number_of(run, "seconds_per_operation");
  remembered_ = peak > 0 && pace > 0;
  peak_bytes_ = remembered_ ? static_cast<std::uint64_t>(peak) : plan.forecast.peak_bytes();
  seconds_ = before_s_ + operations_ * (remembered_ ? pace : rate);
}

std::string RunForecast::line() const {
  return fmt::format("{} of memory and {:.0f} s {}: {}", format_bytes(peak_bytes_), seconds_,
                     remembered_ ? "last time" : "predicted", words_);
}

Json RunForecast::to_json() const {
  return {{"peak_memory_bytes", peak_bytes_},
          {"seconds", seconds_},
          {"remembered", remembered_},
          {"plan", words_}};
}

void RunForecast::remember(std::uint64_t peak_bytes, double seconds) const {
  if (!planned_ || operations_ <= 0) return;
  const double pace = std::max(seconds - before_s_, 1e-6) / operations_;
  try {
    Json past = past_runs();
    past["rates"][rate_key_] = pace;
    Json& runs = past["runs"];
    runs.erase(key_);
    while (runs.size() >= kMostRuns) runs.erase(runs.begin());
    runs[key_] = {{"peak_bytes", peak_bytes}, {"seconds_per_operation", pace}};
    write_file(store(), past.dump(1) + "\n");
  } catch (const std::exception&) {
    // Nothing depends on it.
  }
}

}  // namespace sumi
