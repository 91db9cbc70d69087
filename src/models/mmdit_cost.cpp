#include "models/mmdit_cost.h"

#include <algorithm>

namespace sumi {

PassCost mmdit_cost(const MMDiTConfig& c, std::int64_t rows, std::int64_t width,
                    std::int64_t height, std::int64_t tokens, bool int8) {
  constexpr double kFloat = sizeof(float);
  const auto patches = [&](std::int64_t side) {
    return static_cast<double>((side + c.patch_size - 1) / c.patch_size);
  };
  const double batch = static_cast<double>(rows), wide = c.width();
  const double picture = patches(width) * patches(height), text = static_cast<double>(tokens);
  const double all = picture + text, read = int8 ? 1 : kFloat;
  const double square = 2 * wide * wide;  // a product of one token with a matrix of that side
  double operations = 0;
  for (int i = 0; i < c.num_layers; ++i) {
    const bool last = i + 1 == c.num_layers, dual = c.is_dual(i);
    operations += (last ? 8 : dual ? 15 : 12) * square;  // the modulations
    operations += all * 3 * square + picture * 9 * square + (last ? 0 : text * 9 * square);
    operations += 4 * all * all * wide;
    if (dual) operations += picture * 4 * square + 4 * picture * picture * wide;
  }
  const double patch = 2.0 * c.patch_size * c.patch_size * wide;
  operations += picture * patch * (c.in_channels + c.out_channels) +
                text * 2 * wide * c.joint_attention_dim + 2 * square;
  // Both streams and, in turn: queries, keys and values as they are joined; the feed-forward.
  const double attending = wide * (all * (read + 3 * kFloat) + all * 4 * kFloat);
  const double feeding = picture * wide * (read + 5 * kFloat);
  const double streams = 2 * all * wide * kFloat;
  return {batch * operations,
          static_cast<std::uint64_t>(batch * (streams + std::max(attending, feeding)))};
}

}  // namespace sumi
