#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sumi {

/// What the machine is, as far as it bears on speed and on what fits.
struct Machine {
  std::string processor;
  std::vector<std::string> features;  ///< of those that our kernels use: "avx2", "avx512", …
  int cores_online = 0;               ///< of the machine
  int cores_usable = 0;               ///< by this process: affinity and quota
  std::uint64_t memory_bytes = 0;     ///< physical, or the container's limit where that is lower
  std::uint64_t memory_available_bytes = 0;
  std::string gpu_driver;  ///< NVIDIA driver's version line; empty when none is seen

  bool has(const std::string& feature) const;
};

Machine read_machine();

/// Free bytes where `folder` lies; nothing when it cannot be told.
std::optional<std::uint64_t> free_disk_bytes(const std::filesystem::path& folder);

}  // namespace sumi
