#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace sumi {

/// What the control groups of this process (containers, systemd's slices, batch systems) let it
/// have of the machine's memory, in bytes.
struct CgroupMemory {
  std::uint64_t limit = 0;  ///< of the tightest group
  std::uint64_t room = 0;   ///< below every group's limit now; cached files give way and count
};

/// Of version 2 and of version 1's memory controller, each group and those around it; nothing where
/// no limit is set or the files cannot be read. `self`: the process's groups, one a line. `mount`:
/// where the groups are mounted.
std::optional<CgroupMemory> cgroup_memory(const std::filesystem::path& self = "/proc/self/cgroup",
                                          const std::filesystem::path& mount = "/sys/fs/cgroup");

}  // namespace sumi
