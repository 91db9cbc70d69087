#include "data/permutation.h"

#include <bit>

#include "data/random.h"

namespace sumi {
namespace {

constexpr std::uint64_t kRounds = 6;

}  // namespace

std::uint64_t shuffled_place(std::uint64_t index, std::uint64_t count, std::uint64_t key) {
  if (count < 2) return 0;
  const int half = (static_cast<int>(std::bit_width(count - 1)) + 1) / 2;
  const std::uint64_t mask = (std::uint64_t{1} << half) - 1;
  do {
    std::uint64_t left = index >> half, right = index & mask;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const auto mixed = left ^ (Random(key, round, right).bits() & mask);
      left = right;
      right = mixed;
    }
    index = left << half | right;
  } while (index >= count);
  return index;
}

}  // namespace sumi
