#include <fmt/format.h>

#include <algorithm>

#include "cli/child_process.h"
#include "cli/engine_commands.h"
#include "cli/machine.h"
#include "cli/measurement.h"
#include "cli/plain_commands.h"
#include "cli/profile.h"
#include "cli/version.h"

namespace sumi {
namespace {

void check_keys(const BenchCommand& command) {
  std::vector<std::string> known;
  for (const auto& m : suite_named(command.suite)) known.emplace_back(m.key);
  for (const auto& key : command.only)
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw Error(fmt::format("--only: \"{}\" is not measured by {}", key, command.suite),
                  fmt::format("choose from: {}", fmt::join(known, ", ")));
}

bool wanted(const BenchCommand& command, const Measurement& measurement) {
  if (measurement.applies && !measurement.applies(command)) return false;
  return command.only.empty() ||
         std::find(command.only.begin(), command.only.end(), measurement.key) != command.only.end();
}

Json describe_machine(const BenchCommand& command) {
  const auto machine = read_machine();
  return {{"processor", machine.processor},
          {"features", machine.features},
          {"cores", machine.cores_usable},
          {"threads", command.machine.threads > 0 ? command.machine.threads : machine.cores_usable},
          {"device", command.machine.device},
          {"memory_bytes", machine.memory_bytes}};
}

void print_line(const Measurement& measurement, const Json& seen) {
  fmt::print("{:<10}{:<28}{:<14.6g}", measurement.section, measurement.key,
             seen["value"].get<double>());
  for (const auto& [name, value] : seen.items())
    if (name != "value") fmt::print(" {} {}", name, value.dump());
  fmt::print("\n");
  std::fflush(stdout);
}

int run_profile(const BenchCommand& command) {
  Json report = {{"profile", profile_networks(command)}, {"machine", describe_machine(command)}};
  if (command.machine.json)
    print_json(report);
  else
    print_profile(report["profile"]);
  return 0;
}

}  // namespace

int run(const BenchCommand& command) {
  if (command.profile) return run_profile(command);
  check_keys(command);
  Json report = {{"suite", command.suite},
                 {"ratios", Json::object()},
                 {"seconds", Json::object()},
                 {"bytes", Json::object()},
                 {"psnr_db", Json::object()},
                 {"details", Json::object()},
                 {"machine", describe_machine(command)},
                 {"versions", own_versions()}};
  for (const auto& measurement : suite_named(command.suite)) {
    if (!wanted(command, measurement)) continue;
    if (!command.machine.json) fmt::print(stderr, "measuring {}…\n", measurement.key);
    auto seen = measure_in_child([&] { return measurement.run(command); });
    report[measurement.section][measurement.key] = seen["value"];
    const Json also = seen.value("also", Json::object());
    for (const auto& [section, values] : also.items()) report[section].update(values);
    seen.erase("also");
    if (!command.machine.json) print_line(measurement, seen);
    seen.erase("value");
    report["details"][measurement.key] = std::move(seen);
  }
  report["versions"].update(library_versions());
  if (command.machine.json) print_json(report);
  return 0;
}

}  // namespace sumi
