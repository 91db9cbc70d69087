#pragma once

#include <cstdint>

namespace sumi {

/// Resident set of this process now, mapped files included, in bytes; 0 when unknown.
std::uint64_t resident_memory_bytes();

}  // namespace sumi
