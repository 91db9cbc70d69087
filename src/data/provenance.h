#pragma once

#include "core/json.h"
#include "data/dataset.h"

namespace sumi {

/// What a trained model says of its data: "hash" (of id, version, caption, licence and side of
/// every row, the same on every machine for fetched sources and curated lists), "pictures",
/// "licences", "sources" and "authors" with their counts, the first 100 authors only, and for each
/// folder that sumi data curate wrote its "curated" dataset.json: hash, pictures, licences, and how
/// many were left out for which reason. Throws Error when such a file cannot be read.
Json provenance_of(const Dataset& dataset);

}  // namespace sumi
