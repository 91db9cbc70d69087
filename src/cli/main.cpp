// The program `sumi`: links no LibTorch, starts at once, and becomes sumi-engine for tensor work.

#include <algorithm>
#include <csignal>

#include "cli/engine_process.h"
#include "cli/launcher.h"
#include "cli/outcome.h"
#include "cli/plain_commands.h"

int main(int argc, char** argv) {
  using namespace sumi;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  std::signal(SIGPIPE, SIG_DFL);
  return run_guarded(json, [&] {
    return std::visit(
        [&]<class C>(const C& command) -> int {
          if constexpr (C::needs_engine) {
            check(command);
            if constexpr (std::is_same_v<C, TrainCommand>)
              if (starts_several(command)) return launch(command, engine_program(), arguments);
            become_engine(arguments);
          } else {
            if (asks_for_engine(command)) become_engine(arguments);
            return run(command);
          }
        },
        parse_command_line(arguments));
  });
}
