#pragma once

#include <cstdint>

namespace sumi {

/// Where place `index` of 0 … count-1 goes in the shuffle that `key` decides. Any place is found
/// alone, so that a position in endless shuffled passes is one number. A Feistel network over the
/// next power of four, walked until it lands inside (Black & Rogaway 2002).
std::uint64_t shuffled_place(std::uint64_t index, std::uint64_t count, std::uint64_t key);

}  // namespace sumi
