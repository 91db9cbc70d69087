// The program `sumi`: links no LibTorch, starts at once, and becomes sumi-engine for tensor work.

#include <algorithm>
#include <csignal>

#include "cli/engine_process.h"
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
            become_engine(arguments);
          } else {
            return run(command);
          }
        },
        parse_command_line(arguments));
  });
}
