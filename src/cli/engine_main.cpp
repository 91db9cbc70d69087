// The program `sumi-engine`: links LibTorch and does the tensor work. Run by `sumi`, or directly.

#include <unistd.h>

#include <algorithm>

#include "cli/engine_commands.h"
#include "cli/engine_process.h"
#include "cli/launcher.h"
#include "cli/outcome.h"
#include "cli/plain_commands.h"
#include "cli/version.h"
#include "core/log.h"

namespace {

using namespace sumi;

int print_versions(bool json) {
  const auto libraries = library_versions();
  if (json) {
    print_json(libraries);
    return 0;
  }
  auto versions = own_versions();
  versions.update(libraries);
  fmt::print("{}\n", versions.dump(2));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // Started directly and not by `sumi`: once more, now that OpenBLAS will read the right thing.
  if (set_library_environment()) execv("/proc/self/exe", argv);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  return run_guarded(json, [&] {
    return std::visit(
        [&]<class C>(const C& command) -> int {
          if constexpr (requires { command.machine.verbose; })
            start_log(command.machine.verbose);
          else
            start_log(false);
          if constexpr (C::needs_engine) check(command);
          if constexpr (std::is_same_v<C, TrainCommand>)
            if (starts_several(command)) return launch(command, "/proc/self/exe", arguments);
          if constexpr (requires { run_with_scorer(command); })
            if (asks_for_engine(command)) return run_with_scorer(command);
          // The plain command would ask this program.
          if constexpr (std::is_same_v<C, VersionCommand>)
            return print_versions(command.json);
          else
            return run(command);
        },
        parse_command_line(arguments));
  });
}
