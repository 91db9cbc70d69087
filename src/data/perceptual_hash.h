#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "media/image.h"

namespace sumi {

/// A picture in 64 bits: scaled to 32x32 gray, cosine transform, and for each of the 63 lowest
/// frequencies whether it lies above their median; the first bit tells light from dark. Scaling,
/// compression and small changes of colour leave nearly all bits as they are.
std::uint64_t perceptual_hash(const Image& gray);

inline int hash_distance(std::uint64_t a, std::uint64_t b) { return std::popcount(a ^ b); }

/// Two places in a list, the smaller first.
struct NearPair {
  std::uint32_t a = 0, b = 0;
  bool operator==(const NearPair&) const = default;
};

/// Pairs whose hashes differ in at most `distance` bits (0 to 15), sorted. Of n equal hashes it
/// gives n-1 pairs, which join them all, and each other pair by their first ones. Hashes that
/// differ in d bits agree in one of d+1 pieces at least (Norouzi et al. 2012), so only pictures
/// that share a piece are compared.
std::vector<NearPair> near_pairs(std::span<const std::uint64_t> hashes, int distance);

/// For each of `count` things the smallest one that it is joined with by a chain of pairs.
std::vector<std::uint32_t> joined_groups(std::size_t count, std::span<const NearPair> pairs);

}  // namespace sumi
