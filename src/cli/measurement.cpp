#include "cli/measurement.h"

#include <algorithm>
#include <chrono>

namespace sumi {

Runtime runtime_of(const BenchCommand& command) {
  return {command.machine.device, command.machine.threads, {}};
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

PairedSeconds time_alternately(const std::function<void()>& ours,
                               const std::function<void()>& theirs, int repeats) {
  ours();
  theirs();
  std::vector<double> ours_s, theirs_s;
  for (int i = 0; i < repeats; ++i) {
    ours_s.push_back(seconds_of(ours));
    theirs_s.push_back(seconds_of(theirs));
  }
  return {median(ours_s), median(theirs_s)};
}

std::span<const Measurement> suite_named(const std::string& name) {
  return name == "base"      ? base_suite()
         : name == "cpu"     ? cpu_suite()
         : name == "savings" ? savings_suite()
         : name == "data"    ? data_suite()
         : name == "train"   ? train_suite()
                             : std::span<const Measurement>{};
}

}  // namespace sumi
