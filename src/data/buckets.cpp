#include "data/buckets.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "data/permutation.h"
#include "data/random.h"

namespace sumi {
namespace {

constexpr std::uint64_t kTurns = 0x7475726e73, kPasses = 0x706173736573;  // spaces of random draws

double log_aspect(PixelSize size) {
  return std::log(static_cast<double>(size.width) / static_cast<double>(size.height));
}

void check(int size_px, const BucketConfig& config) {
  if (config.step_px < 8 || config.step_px > size_px)
    throw Error(
        fmt::format("buckets.step_px: {} is not in 8 to size_px, {}", config.step_px, size_px),
        "use 8 x the autoencoder's factor, e.g. 64");
  if (!(config.max_aspect >= 1 && config.max_aspect <= 8))
    throw Error(fmt::format("buckets.max_aspect: {} is not in 1 to 8", config.max_aspect),
                "use 2, say");
}

}  // namespace

std::vector<PixelSize> bucket_sizes(int size_px, const BucketConfig& config) {
  check(size_px, config);
  const int step = config.step_px;
  std::vector<PixelSize> sizes;
  for (int shorter = step; shorter <= size_px; shorter += step) {
    const int longer = size_px * size_px / shorter / step * step;
    if (longer < shorter || longer > config.max_aspect * shorter) continue;
    // A longer shorter side with the same longer one covers more of the same shape.
    if (!sizes.empty() && sizes.back().height == longer) sizes.pop_back();
    sizes.push_back({shorter, longer});
  }
  const auto tall = sizes.size();
  for (std::size_t i = tall; i-- > 0;)
    if (sizes[i].width != sizes[i].height) sizes.push_back({sizes[i].height, sizes[i].width});
  if (sizes.empty())
    throw Error(fmt::format("buckets: no size with sides in steps of {} px covers {} x {} px", step,
                            size_px, size_px),
                "make size_px a multiple of buckets.step_px");
  return sizes;
}

std::size_t nearest_size(std::span<const PixelSize> sizes, PixelSize of) {
  std::size_t best = 0;
  const auto distance = [&](std::size_t i) {
    return std::abs(log_aspect(sizes[i]) - log_aspect(of));
  };
  for (std::size_t i = 1; i < sizes.size(); ++i)
    if (distance(i) < distance(best)) best = i;
  return best;
}

std::vector<Bucket> fill_buckets(std::span<const PixelSize> pictures,
                                 std::span<const PixelSize> sizes, std::size_t least) {
  std::vector<PixelSize> open(sizes.begin(), sizes.end());
  for (;;) {
    std::vector<Bucket> buckets;
    for (const auto& size : open) buckets.push_back({size, {}});
    for (std::uint32_t i = 0; i < pictures.size(); ++i)
      buckets[nearest_size(open, pictures[i])].pictures.push_back(i);
    const auto fewest = std::min_element(
        buckets.begin(), buckets.end(),
        [](const Bucket& a, const Bucket& b) { return a.pictures.size() < b.pictures.size(); });
    if (buckets.size() == 1 || fewest->pictures.size() >= std::max<std::size_t>(1, least))
      return buckets;
    open.erase(open.begin() + (fewest - buckets.begin()));
  }
}

BucketOrder::BucketOrder(std::vector<Bucket> buckets, int group, std::uint64_t seed)
    : buckets_(std::move(buckets)), group_(group), seed_(seed) {
  // Turn j of a bucket of n pictures comes at a random time within [j, j + 1) / n of the cycle.
  std::vector<std::pair<double, Turn>> timed;
  for (std::uint32_t b = 0; b < buckets_.size(); ++b) {
    const auto count = static_cast<std::uint32_t>(buckets_[b].pictures.size());
    Random random(seed, kTurns, b);
    for (std::uint32_t j = 0; j < count; ++j)
      timed.push_back({(j + random.real()) / count, {b, j}});
  }
  std::sort(timed.begin(), timed.end(), [](const auto& x, const auto& y) {
    return std::pair(x.first, x.second.bucket) < std::pair(y.first, y.second.bucket);
  });
  for (const auto& [time, turn] : timed) turns_.push_back(turn);
}

BucketOrder::Place BucketOrder::at(std::uint64_t index) const {
  const auto group = static_cast<std::uint64_t>(group_);
  const auto number = index / group, cycle = number / turns_.size();
  const auto& turn = turns_[number % turns_.size()];
  const auto& pictures = buckets_[turn.bucket].pictures;
  const auto place = (cycle * pictures.size() + turn.before) * group + index % group;
  const auto pass = place / pictures.size();
  const auto key = Random(seed_, kPasses + turn.bucket, pass).bits();
  return {pictures[shuffled_place(place % pictures.size(), pictures.size(), key)], turn.bucket,
          pass};
}

}  // namespace sumi
