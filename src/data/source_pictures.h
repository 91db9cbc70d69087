#pragma once

#include <filesystem>

#include "core/progress.h"
#include "data/collection.h"

namespace sumi {

/// The pictures of a fetched source as people's own data: rows of its manifest with absolute files,
/// licences, authors and tags, and captions that say style, name and side ("a sticker of a cat", "a
/// 3d model of a sofa from behind"). Icons that lie in one JSON file are put into a shard beside
/// it, once, so that each is a stretch of a file like any other picture; models are drawn into one,
/// 256 px, on transparency. Those that cannot be are complaints. Throws Error as manifest() does.
Collection source_pictures(const Source& source, const std::filesystem::path& cache,
                           const ProgressSink& sink = {});

}  // namespace sumi
