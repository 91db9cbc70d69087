#include "models/token_merging.h"

#include <algorithm>
#include <numeric>

namespace sumi {
namespace {

using Ids = std::vector<std::int64_t>;

/// Steele et al. 2014 (SplitMix64), the seeds' low bits being alike.
std::uint64_t next_bits(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

Tensor tensor_of(const Ids& ids, torch::Device device) {
  return torch::tensor(ids, torch::kLong).to(device);
}

struct Partition {
  Ids sources, destinations;
};

/// One destination in each whole 2 x 2 window; an odd last row or column has sources only.
Partition partition(std::int64_t height, std::int64_t width, std::uint64_t seed) {
  std::vector<bool> chosen(static_cast<std::size_t>(height * width));
  Partition parts;
  for (std::int64_t y = 0; y + 1 < height; y += 2)
    for (std::int64_t x = 0; x + 1 < width; x += 2) {
      const auto corner = static_cast<std::int64_t>(next_bits(seed) >> 62);
      parts.destinations.push_back((y + corner / 2) * width + x + corner % 2);
      chosen[static_cast<std::size_t>(parts.destinations.back())] = true;
    }
  for (std::int64_t i = 0; i < height * width; ++i)
    if (!chosen[static_cast<std::size_t>(i)]) parts.sources.push_back(i);
  return parts;
}

/// For each source the destination most alike and how alike, [sources] each.
std::tuple<Tensor, Tensor> nearest(const Tensor& x, const Partition& parts) {
  const auto unit = x / x.norm(2, -1, /*keepdim=*/true).clamp_min(1e-12);
  const auto pick = [&](const Ids& ids) {
    return unit.index_select(0, tensor_of(ids, x.device()));
  };
  return at::mm(pick(parts.sources), pick(parts.destinations).t()).max(1);
}

/// What each token becomes, 0 to left - 1: destinations come first, then the sources that stay.
Ids merged_positions(const Tensor& x, const Partition& parts, std::int64_t merged) {
  const auto [likeness, target] = nearest(x, parts);
  const Tensor order =
      std::get<1>(at::sort(likeness, /*stable=*/true, 0, /*descending=*/true)).to(torch::kCPU);
  const Tensor targets = target.to(torch::kCPU).contiguous();
  const Ids by_likeness(order.data_ptr<std::int64_t>(),
                        order.data_ptr<std::int64_t>() + order.numel());
  Ids position(static_cast<std::size_t>(x.size(0)));
  std::int64_t next = 0;
  for (const auto id : parts.destinations) position[static_cast<std::size_t>(id)] = next++;
  for (const auto source : by_likeness)
    position[static_cast<std::size_t>(parts.sources[static_cast<std::size_t>(source)])] =
        merged-- > 0 ? targets.data_ptr<std::int64_t>()[source] : next++;
  return position;
}

Ids same_positions(std::int64_t tokens) {
  Ids position(static_cast<std::size_t>(tokens));
  std::iota(position.begin(), position.end(), std::int64_t{0});
  return position;
}

/// How many of the tokens are merged away: at most the sources.
std::int64_t merged_count(std::int64_t height, std::int64_t width, double ratio) {
  const auto tokens = height * width, windows = (height / 2) * (width / 2);
  if (windows == 0) return 0;
  return std::min(tokens - windows, static_cast<std::int64_t>(ratio * static_cast<double>(tokens)));
}

/// Tokens ordered by their position, and where each position's begin.
struct Grouping {
  Ids members, offsets;
};

Grouping group(const Ids& position, std::int64_t positions) {
  Grouping by{Ids(position.size()), Ids(static_cast<std::size_t>(positions + 1))};
  for (const auto to : position) ++by.offsets[static_cast<std::size_t>(to) + 1];
  std::partial_sum(by.offsets.begin(), by.offsets.end(), by.offsets.begin());
  by.offsets.pop_back();
  Ids next = by.offsets;
  for (std::size_t token = 0; token < position.size(); ++token)
    by.members[static_cast<std::size_t>(next[static_cast<std::size_t>(position[token])]++)] =
        static_cast<std::int64_t>(token);
  return by;
}

}  // namespace

TokenMerge::TokenMerge(const Tensor& x, std::int64_t height, std::int64_t width,
                       const MergingSettings& how) {
  const auto samples = x.size(0), merged = merged_count(height, width, how.ratio);
  left_ = height * width - merged;
  Ids position;
  for (std::int64_t i = 0; i < samples; ++i) {
    const auto parts = partition(height, width, how.seeds.at(static_cast<std::size_t>(i)));
    const Ids own =
        merged > 0 ? merged_positions(x[i], parts, merged) : same_positions(height * width);
    for (const auto to : own) position.push_back(i * left_ + to);
  }
  const auto grouping = group(position, samples * left_);
  members_ = tensor_of(grouping.members, x.device());
  offsets_ = tensor_of(grouping.offsets, x.device());
  position_ = tensor_of(position, x.device());
}

Tensor TokenMerge::merge(const Tensor& x) const {
  constexpr std::int64_t kMean = 1;
  const auto flat = x.reshape({-1, x.size(2)});
  return std::get<0>(at::embedding_bag(flat, members_, offsets_, false, kMean))
      .view({x.size(0), left_, x.size(2)});
}

Tensor TokenMerge::spread(const Tensor& merged) const {
  const auto samples = merged.size(0), width = merged.size(2);
  return merged.reshape({-1, width}).index_select(0, position_).view({samples, -1, width});
}

}  // namespace sumi
