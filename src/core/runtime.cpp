#include "core/runtime.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "core/cgroup_memory.h"
#include "core/error.h"

namespace sumi {
namespace {

/// The cgroup v2 CPU quota in whole cores, or `otherwise` when there is none.
int quota_cores(int otherwise) {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return otherwise;
  return static_cast<int>(std::ceil(std::stod(quota) / period));
}

/// /proc/meminfo's MemAvailable; 0 when unknown.
std::uint64_t machine_available_bytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("MemAvailable:")) continue;
    std::istringstream fields(line.substr(13));
    std::uint64_t kib = 0;
    fields >> kib;
    return kib * 1024;
  }
  return 0;
}

}  // namespace

void CancelToken::check() const {
  if (requested()) throw Cancelled();
}

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int allowed = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
  return std::max(1, std::min(allowed, quota_cores(allowed)));
}

std::uint64_t available_memory_bytes() {
  const auto machine = machine_available_bytes();
  const auto groups = cgroup_memory();
  if (!groups) return machine;
  return machine > 0 ? std::min(machine, groups->room) : groups->room;
}

std::uint64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace sumi
