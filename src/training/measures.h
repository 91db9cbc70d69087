#pragma once

namespace sumi {

/// What an evaluation can be asked for. "precision" stands for precision and recall, "density" for
/// density and coverage.
inline constexpr const char* kMeasures[] = {
    "fid",          "kid",        "cmmd",           "precision",
    "density",      "clip_score", "identification", "reconstruction",
    "memorisation",
};

}  // namespace sumi
