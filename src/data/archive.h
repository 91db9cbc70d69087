#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sumi {

/// What an archive may hold; more is refused before it is kept in memory or on disk.
struct ArchiveLimits {
  std::size_t entry_bytes = 64u << 20;
  std::size_t total_bytes = 1u << 30;
  std::size_t entries = 100'000;
};

/// Reads a tar archive (ustar, GNU long names, pax paths; plain or gzip) and hands each regular
/// file to `take` in archive order. Links, devices and directories are passed over. Names are data:
/// the reader creates nothing. Throws Error naming the archive when it is damaged or over the
/// limits.
void read_tar(const std::filesystem::path& archive,
              const std::function<void(const std::string& name, std::string_view content)>& take,
              const ArchiveLimits& limits = {});

/// An archive's name made into a path that stays beneath the folder it is appended to: characters
/// other than letters, digits and `._+@-` become `_`. Nothing for absolute names, `..`, empty or
/// over-long parts.
std::optional<std::filesystem::path> safe_relative_path(std::string_view name);

}  // namespace sumi
