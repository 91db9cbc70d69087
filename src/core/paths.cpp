#include "core/paths.h"

#include <fmt/format.h>

#include <cstdlib>
#include <vector>

#include "core/error.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

fs::path executable_directory() { return fs::read_symlink("/proc/self/exe").parent_path(); }

fs::path resource(const std::string& name) {
  std::vector<fs::path> roots;
  if (const auto root = variable("SUMI_RESOURCES"); !root.empty()) roots.emplace_back(root);
  roots.push_back(executable_directory() / "../share/sumi");
  roots.emplace_back(SUMI_SOURCE_DIR);
  roots.emplace_back(fs::path(SUMI_SOURCE_DIR) / ".cache");
  std::string looked;
  for (const auto& root : roots) {
    if (fs::exists(root / name)) return fs::weakly_canonical(root / name);
    looked += (looked.empty() ? "" : ", ") + root.string();
  }
  throw Error(fmt::format("{} is missing (looked in {})", name, looked),
              "run scripts/setup once: it installs what Sumi needs");
}

bool is_shipped_model(std::string_view name) {
  return name == "default" || name == "editing" || name == "live";
}

fs::path model_path(const std::string& name) {
  return is_shipped_model(name) ? resource("models/" + name) : fs::path(name);
}

fs::path cache_directory() {
  fs::path folder = variable("SUMI_CACHE");
  if (folder.empty()) {
    const auto xdg = variable("XDG_CACHE_HOME");
    folder = xdg.empty() ? fs::path(variable("HOME")) / ".cache" / "sumi" : fs::path(xdg) / "sumi";
  }
  fs::create_directories(folder);
  return folder;
}

}  // namespace sumi
