#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/progress.h"
#include "data/sources.h"

namespace sumi {

/// Something that sources have pictures of: what a world's `concepts` may name.
struct SourceName {
  std::string name;
  std::vector<std::string> sources;  ///< ids, in the order of sources()
};

/// What these sources show, first what most of them have, then by name; portraits and tiles,
/// which no name chooses, are left out. Throws Error for a source that is not fetched or holds no
/// pictures.
std::vector<SourceName> source_names(std::span<const Source* const> among,
                                     const std::filesystem::path& cache,
                                     const ProgressSink& sink = {});

/// The fetched sources of pictures. Throws Error when there is none.
std::vector<const Source*> fetched_sources(const std::filesystem::path& cache);

}  // namespace sumi
