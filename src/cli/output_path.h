#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace sumi {

/// Where a picture goes. `output` is a file name ("" stands for sumi-SEED.png), or a folder when it
/// ends in '/' or is one: FOLDER/SEED.png. With `several` pictures, NAME.png becomes NAME-SEED.png.
std::filesystem::path output_path(const std::string& output, std::int64_t seed, bool several);

/// Tries `output` before any work is done: the extension is known, the folder exists and a file can
/// be made there. A folder written with a final '/' is created. Throws Error.
void check_output(const std::string& output);

/// Tries whether a file of that name can be made. Throws Error.
void check_writable(const std::filesystem::path& file);

}  // namespace sumi
