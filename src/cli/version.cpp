#include "cli/version.h"

#include <fmt/format.h>

#include "cli/engine_process.h"
#include "cli/plain_commands.h"

namespace sumi {
namespace {

constexpr const char* compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

}  // namespace

Json own_versions() {
  return {{"sumi", SUMI_VERSION}, {"compiler", compiler()}, {"build", SUMI_BUILD_TYPE}};
}

int run(const VersionCommand& command) {
  auto versions = own_versions();
  try {
    versions.update(engine_versions());
  } catch (const Error& error) {
    versions["engine"] = error.what();
  }
  if (command.json) {
    print_json(versions);
  } else {
    for (const auto& [name, value] : versions.items())
      fmt::print("{:<10}{}\n", name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return 0;
}

}  // namespace sumi
