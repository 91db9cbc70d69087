#include "data/near_pictures.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>

namespace sumi {

std::vector<NearPair> near_pictures(std::span<const PictureMeasures* const> measures, int distance,
                                    double colour) {
  /// Sets of equal hashes larger than this are not compared one by one.
  constexpr std::size_t kComparedOneByOne = 512;
  std::vector<std::uint64_t> hashes;  // each once, in the order of their first pictures
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> alike;
  for (std::uint32_t i = 0; i < measures.size(); ++i) {
    auto& members = alike[measures[i]->hash];
    if (members.empty()) hashes.push_back(measures[i]->hash);
    members.push_back(i);
  }
  std::vector<NearPair> pairs;
  const auto confirm = [&](std::uint32_t a, std::uint32_t b) {
    if (colour_difference(*measures[a], *measures[b]) <= colour)
      pairs.push_back({std::min(a, b), std::max(a, b)});
  };
  for (const auto hash : hashes) {
    const auto& members = alike[hash];
    for (std::size_t m = 1; m < members.size(); ++m) {
      if (members.size() > kComparedOneByOne) pairs.push_back({members[0], members[m]});
      for (std::size_t n = 0; n < m && members.size() <= kComparedOneByOne; ++n)
        confirm(members[n], members[m]);
    }
  }
  for (const auto& pair : near_pairs(hashes, distance)) {
    const auto &left = alike[hashes[pair.a]], &right = alike[hashes[pair.b]];
    const bool few = left.size() * right.size() <= kComparedOneByOne;
    for (std::size_t m = 0; m < (few ? left.size() : 1); ++m)
      for (std::size_t n = 0; n < (few ? right.size() : 1); ++n) confirm(left[m], right[n]);
  }
  return pairs;
}

}  // namespace sumi
