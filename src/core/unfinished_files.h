#pragma once

#include <filesystem>

namespace sumi {

/// Removes what killed processes left of AtomicFile below a folder: every `NAME.XXXXXX.partial`,
/// six letters or digits between the points. Nobody may be writing there meanwhile. A folder that
/// is not there, or files that cannot be removed, are passed over.
void remove_unfinished_files(const std::filesystem::path& folder);

}  // namespace sumi
