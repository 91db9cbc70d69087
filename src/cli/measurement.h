#pragma once

#include <functional>
#include <span>

#include "cli/command.h"
#include "core/json.h"
#include "core/runtime.h"

namespace sumi {

/// One line of a benchmark's result: `value` stands under `section` ("ratios", "seconds", "bytes",
/// or "psnr_db") and `key`. What `run` gives as "also", {section: {key: number}}, is added there.
struct Measurement {
  const char* section;
  const char* key;
  Json (*run)(const BenchCommand& command);  ///< {"value": number, …what else was seen}
  /// Whether it can be measured with what was given; null: always.
  bool (*applies)(const BenchCommand& command) = nullptr;
};

Runtime runtime_of(const BenchCommand& command);

/// Wall-clock time of one call.
double seconds_of(const std::function<void()>& work);

/// Medians of two works timed alternately, after one call of each that is not counted.
struct PairedSeconds {
  double ours = 0, theirs = 0;
};
PairedSeconds time_alternately(const std::function<void()>& ours,
                               const std::function<void()>& theirs, int repeats);

double median(std::vector<double> values);

/// The measurements of a suite by name, "base", "cpu", "savings" or "train"; empty for another.
std::span<const Measurement> suite_named(const std::string& name);
std::span<const Measurement> base_suite();
std::span<const Measurement> cpu_suite();
std::span<const Measurement> savings_suite();
std::span<const Measurement> data_suite();
std::span<const Measurement> train_suite();

}  // namespace sumi
