#pragma once

#include "core/json.h"

namespace sumi {

/// Sumi's version, the compiler and the build type.
Json own_versions();

}  // namespace sumi
