#include "core/cgroup_memory.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace sumi {
namespace fs = std::filesystem;
namespace {

/// What one version calls its files and the lines of memory.stat with cached files.
struct Names {
  const char *limit, *used;
  std::array<const char*, 2> cached;
};

constexpr Names kSecond = {"memory.max", "memory.current", {"inactive_file", "active_file"}};
constexpr Names kFirst = {
    "memory.limit_in_bytes", "memory.usage_in_bytes", {"total_inactive_file", "total_active_file"}};

/// Without a limit version 2 says "max", version 1 nearly the largest number.
constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 60;

std::uint64_t number_in(const fs::path& file, std::uint64_t otherwise) {
  std::ifstream stream(file);
  std::uint64_t number = 0;
  return stream >> number ? number : otherwise;
}

std::uint64_t cached_in(const fs::path& group, const Names& names) {
  std::ifstream stream(group / "memory.stat");
  std::uint64_t sum = 0, value = 0;
  for (std::string name; stream >> name >> value;)
    if (std::find(names.cached.begin(), names.cached.end(), name) != names.cached.end())
      sum += value;
  return sum;
}

void tighten(std::optional<CgroupMemory>& found, const fs::path& group, const Names& names) {
  const auto limit = number_in(group / names.limit, kUnlimited);
  if (limit >= kUnlimited) return;
  const auto used = number_in(group / names.used, 0);
  const auto taken = used - std::min(used, cached_in(group, names));
  const auto room = limit - std::min(limit, taken);
  if (!found) found = CgroupMemory{limit, room};
  found->limit = std::min(found->limit, limit);
  found->room = std::min(found->room, room);
}

/// A group and those around it. In a container the path may be the host's: then only the mount's
/// own root can be read, and is this group.
void tighten_upwards(std::optional<CgroupMemory>& found, const fs::path& root, fs::path group,
                     const Names& names) {
  for (group = group.relative_path(); !group.empty(); group = group.parent_path())
    tighten(found, root / group, names);
  tighten(found, root, names);
}

bool lists(const std::string& controllers, const char* wanted) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');)
    if (name == wanted) return true;
  return false;
}

}  // namespace

std::optional<CgroupMemory> cgroup_memory(const fs::path& self, const fs::path& mount) {
  std::optional<CgroupMemory> found;
  std::ifstream groups(self);
  for (std::string line; std::getline(groups, line);) {  // "4:memory:/path"; version 2: "0::/path"
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path path = line.substr(second + 1);
    if (lists(controllers, "memory")) tighten_upwards(found, mount / "memory", path, kFirst);
    if (!controllers.empty()) continue;
    tighten_upwards(found, mount, path, kSecond);
    tighten_upwards(found, mount / "unified", path, kSecond);
  }
  return found;
}

}  // namespace sumi
