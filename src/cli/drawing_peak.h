#pragma once

#include <filesystem>
#include <string>

#include "cli/command.h"
#include "core/json.h"

namespace sumi {

/// Writes a checkpoint file of SD 1.5's size with random 16-bit weights into `folder`. Throws Error
/// where there is no room for it.
std::filesystem::path write_random_sd15(const std::filesystem::path& folder);

/// Peak resident memory of SD 1.5 text to image, 512 x 512, from a file of 16-bit weights, as a
/// program that draws one picture takes it; {"value": bytes, …}. The file is written by another
/// process, whose memory does not count.
Json drawing_peak(const BenchCommand& command, const std::string& precision);

}  // namespace sumi
