#pragma once

#include <filesystem>
#include <string>

namespace sumi {

/// Writes two tiny Iconify sets (fluent-emoji-flat and noto: coloured shapes for a dozen names) and
/// the emoji names they need into a cache folder, as if they had been fetched.
void write_small_sources(const std::filesystem::path& cache);

}  // namespace sumi
