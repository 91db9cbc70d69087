#include "cli/machine.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "core/cgroup_memory.h"
#include "core/runtime.h"

namespace sumi {
namespace {

/// The value of the first line "name : value" in a file of /proc.
std::string proc_value(const char* file, const std::string& name) {
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    if (!line.starts_with(name)) continue;
    const auto colon = line.find(':');
    const auto begin =
        colon == std::string::npos ? colon : line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

struct Feature {
  const char* name;
  std::vector<const char*> flags;  ///< any of them in /proc/cpuinfo
};

std::vector<std::string> processor_features() {
  std::istringstream stream(proc_value("/proc/cpuinfo", "flags"));
  using Words = std::istream_iterator<std::string>;
  const std::set<std::string> flags(Words(stream), Words{});
  const std::vector<Feature> known = {{"avx2", {"avx2"}},
                                      {"fma", {"fma"}},
                                      {"f16c", {"f16c"}},
                                      {"avx512", {"avx512f"}},
                                      {"vnni", {"avx512_vnni", "avx_vnni"}},
                                      {"bf16", {"avx512_bf16", "amx_bf16"}},
                                      {"amx", {"amx_tile"}}};
  std::vector<std::string> found;
  for (const auto& feature : known)
    if (std::any_of(feature.flags.begin(), feature.flags.end(),
                    [&](const char* flag) { return flags.contains(flag); }))
      found.emplace_back(feature.name);
  return found;
}

std::uint64_t physical_memory() {
  const auto pages = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES));
  const auto all = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const auto groups = cgroup_memory();
  return groups ? std::min(groups->limit, all) : all;
}

std::string first_line(const char* file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

}  // namespace

bool Machine::has(const std::string& feature) const {
  return std::find(features.begin(), features.end(), feature) != features.end();
}

Machine read_machine() {
  Machine machine;
  machine.processor = proc_value("/proc/cpuinfo", "model name");
  machine.features = processor_features();
  machine.cores_online = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  machine.cores_usable = available_cores();
  machine.memory_bytes = physical_memory();
  machine.memory_available_bytes = std::min(available_memory_bytes(), machine.memory_bytes);
  machine.gpu_driver = first_line("/proc/driver/nvidia/version");
  return machine;
}

std::optional<std::uint64_t> free_disk_bytes(const std::filesystem::path& folder) {
  struct statvfs room {};
  if (statvfs(folder.c_str(), &room) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(room.f_bavail) * room.f_frsize;
}

}  // namespace sumi
