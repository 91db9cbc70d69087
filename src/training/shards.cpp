#include "training/shards.h"

#include <algorithm>
#include <cstdlib>

namespace sumi {
namespace {

/// The border between tensors that is nearest to `wanted`.
std::int64_t border_near(const ParameterBuffer& parameters, std::int64_t wanted) {
  std::int64_t best = parameters.size();
  for (const auto& slice : parameters.slices())
    if (std::abs(slice.start - wanted) < std::abs(best - wanted)) best = slice.start;
  return best;
}

}  // namespace

std::vector<Shard> shards_of(const ParameterBuffer& parameters, int count) {
  std::vector<Shard> shards;
  std::int64_t first = 0;
  for (int i = 1; i <= count; ++i) {
    const std::int64_t last =
        i == count ? parameters.size()
                   : std::max(first, border_near(parameters, parameters.size() * i / count));
    Shard shard{{first, last}, {}};
    for (auto slice : parameters.slices()) {
      if (slice.start < first || slice.start >= last) continue;
      slice.start -= first;
      shard.slices.push_back(slice);
    }
    shards.push_back(std::move(shard));
    first = last;
  }
  return shards;
}

}  // namespace sumi
