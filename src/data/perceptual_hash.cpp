#include "data/perceptual_hash.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <unordered_map>

#include "media/resize.h"

namespace sumi {
namespace {

constexpr int kSide = 32, kKept = 8;

/// cos((2x + 1) u pi / 64) for the kept frequencies u.
const std::array<std::array<double, kSide>, kKept>& cosines() {
  static const auto table = [] {
    std::array<std::array<double, kSide>, kKept> cosine{};
    for (int u = 0; u < kKept; ++u)
      for (int x = 0; x < kSide; ++x)
        cosine[u][x] = std::cos((2 * x + 1) * u * std::numbers::pi / (2 * kSide));
    return cosine;
  }();
  return table;
}

/// The 8x8 lowest frequencies, row by row.
std::array<double, kKept * kKept> low_frequencies(const Image& small) {
  const auto& cosine = cosines();
  std::array<std::array<double, kSide>, kKept> rows{};  // [u][y]
  for (int u = 0; u < kKept; ++u)
    for (int y = 0; y < kSide; ++y)
      for (int x = 0; x < kSide; ++x)
        rows[u][y] += cosine[u][x] * small.pixels[static_cast<std::size_t>(y * kSide + x)];
  std::array<double, kKept * kKept> result{};
  for (int v = 0; v < kKept; ++v)
    for (int u = 0; u < kKept; ++u)
      for (int y = 0; y < kSide; ++y) result[v * kKept + u] += cosine[v][y] * rows[u][y];
  return result;
}

/// Piece number `piece` of `pieces` of a hash.
std::uint64_t piece_of(std::uint64_t hash, int piece, int pieces) {
  const int from = 64 * piece / pieces, to = 64 * (piece + 1) / pieces;
  const std::uint64_t mask =
      to - from == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (to - from)) - 1;
  return hash >> from & mask;
}

/// True when an earlier piece is shared too: the pair was found there.
bool found_before(std::uint64_t difference, int piece, int pieces) {
  for (int p = 0; p < piece; ++p)
    if (piece_of(difference, p, pieces) == 0) return true;
  return false;
}

}  // namespace

std::uint64_t perceptual_hash(const Image& gray) {
  const auto frequencies = low_frequencies(resize(gray, kSide, kSide, Filter::box));
  std::vector<double> sorted(frequencies.begin() + 1, frequencies.end());
  std::nth_element(sorted.begin(), sorted.begin() + 31, sorted.end());
  const double median = sorted[31];
  std::uint64_t hash = frequencies[0] > 127.5 * kSide * kSide ? 1 : 0;
  for (std::size_t i = 1; i < frequencies.size(); ++i)
    if (frequencies[i] > median) hash |= std::uint64_t{1} << i;
  return hash;
}

std::vector<NearPair> near_pairs(std::span<const std::uint64_t> hashes, int distance) {
  std::vector<NearPair> pairs;
  std::unordered_map<std::uint64_t, std::uint32_t> first;
  std::vector<std::uint32_t> distinct;
  for (std::uint32_t i = 0; i < hashes.size(); ++i) {
    const auto [place, fresh] = first.emplace(hashes[i], i);
    if (fresh)
      distinct.push_back(i);
    else
      pairs.push_back({place->second, i});
  }
  const int pieces = distance + 1;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> sorted(distinct.size());
  for (int piece = 0; piece < pieces; ++piece) {
    for (std::size_t i = 0; i < distinct.size(); ++i)
      sorted[i] = {piece_of(hashes[distinct[i]], piece, pieces), distinct[i]};
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < sorted.size(); ++i)
      for (auto j = i + 1; j < sorted.size() && sorted[j].first == sorted[i].first; ++j) {
        const auto difference = hashes[sorted[i].second] ^ hashes[sorted[j].second];
        if (std::popcount(difference) <= distance && !found_before(difference, piece, pieces))
          pairs.push_back({sorted[i].second, sorted[j].second});
      }
  }
  std::sort(pairs.begin(), pairs.end(), [](const NearPair& x, const NearPair& y) {
    return std::pair(x.a, x.b) < std::pair(y.a, y.b);
  });
  return pairs;
}

std::vector<std::uint32_t> joined_groups(std::size_t count, std::span<const NearPair> pairs) {
  std::vector<std::uint32_t> parent(count);
  std::iota(parent.begin(), parent.end(), 0u);
  const auto root = [&](std::uint32_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
  };
  for (const auto& pair : pairs) {
    const auto a = root(pair.a), b = root(pair.b);
    parent[std::max(a, b)] = std::min(a, b);
  }
  for (std::uint32_t i = 0; i < count; ++i) parent[i] = root(i);
  return parent;
}

}  // namespace sumi
