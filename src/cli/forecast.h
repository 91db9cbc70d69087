#pragma once

#include <optional>
#include <string>

#include "cli/command.h"
#include "core/json.h"
#include "pipelines/memory_plan.h"

namespace sumi {

/// What a run will take, said before and compared afterwards. Runs of the same model, size, plan
/// and machine are remembered in the cache folder: where there was one, its figures are the
/// forecast; otherwise memory is computed from the configurations, and time from the rate of other
/// runs.
class RunForecast {
 public:
  RunForecast(const GenerateRequest& request, const MachineOptions& machine);

  /// Takes the first plan of the run; later ones say nothing about the whole.
  void plan(const MemoryPlan& plan, const GenerateRequest& resolved, double seconds_so_far);
  bool planned() const { return planned_; }

  /// "1.4 GB and 40 s predicted: int8, one picture at a time, …".
  std::string line() const;
  /// {"peak_memory_bytes", "seconds", "remembered", "plan"}.
  Json to_json() const;

  /// What was measured; remembered for the next time. A cache folder that cannot be written is no
  /// error.
  void remember(std::uint64_t peak_bytes, double seconds) const;

 private:
  std::string model_, machine_;
  int threads_ = 1;
  bool planned_ = false, remembered_ = false;
  std::string key_, rate_key_, words_;
  std::uint64_t peak_bytes_ = 0;
  double operations_ = 0, before_s_ = 0, seconds_ = 0;
};

}  // namespace sumi
