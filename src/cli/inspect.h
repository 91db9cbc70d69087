#pragma once

#include <filesystem>

namespace sumi {

/// Prints what a weight file or model folder holds, as tables or as one JSON object; with `tensors`
/// every tensor too. Reads headers only. Throws Error for what is neither.
void inspect_model(const std::filesystem::path& path, bool tensors, bool json);

}  // namespace sumi
