#include "cli/engine_process.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/error.h"
#include "core/paths.h"
#include "core/processor.h"
#include "data/process.h"

namespace sumi {
namespace fs = std::filesystem;

fs::path engine_program() {
  const auto program = executable_directory() / "sumi-engine";
  if (access(program.c_str(), X_OK) == 0) return program;
  throw Error(fmt::format("{} is missing, which does the computing", program.string()),
              "build it: scripts/build sumi-engine");
}

bool set_library_environment() {
  const auto set = [](const char* variable, const char* value) {
    return std::getenv(variable) == nullptr && setenv(variable, value, /*overwrite=*/0) == 0;
  };
  // One page fault for 2 MiB of laid out weights instead of 512 (glibc 2.35 and later).
  const bool pages = set("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");
  const bool wide_amd = processor().avx512 && processor().amd;
  return (wide_amd && set("OPENBLAS_CORETYPE", "SkylakeX")) || pages;
}

void become_engine(const std::vector<std::string>& arguments) {
  set_library_environment();
  const auto program = engine_program().string();
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  throw Error(fmt::format("{} cannot be started: {}", program, std::strerror(errno)),
              "build it again: scripts/build sumi-engine");
}

Json engine_versions() {
  const auto program = engine_program().string();
  const auto result = run_program({program, "--version", "--json"}, fs::current_path());
  if (result.exit_code != 0)
    throw Error(fmt::format("{} does not start: {}", program,
                            result.output.substr(0, result.output.find('\n'))),
                "run scripts/setup, then scripts/build sumi-engine");
  return parse_json(result.output, program);
}

}  // namespace sumi
