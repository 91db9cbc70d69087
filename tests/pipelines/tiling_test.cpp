#include "pipelines/tiling.h"

#include <gtest/gtest.h>

namespace sumi {
namespace {

TEST(Tiling, CoversTheAxisWithTheOverlapAskedFor) {
  for (std::int64_t length : {1, 7, 64, 65, 100, 129, 512, 1000}) {
    const auto tiles = tile_axis(length, 64, 16);
    EXPECT_EQ(tiles.front().begin, 0);
    EXPECT_EQ(tiles.back().end, length);
    for (std::size_t i = 0; i < tiles.size(); ++i) {
      EXPECT_LE(tiles[i].end - tiles[i].begin, 64);
      if (i == 0) continue;
      EXPECT_GE(tiles[i - 1].end - tiles[i].begin, 16) << length;
    }
  }
}

/// Nearest enlargement knows no neighbours, so tiles must change nothing at all.
TEST(Tiling, IsExactForALocalDecoder) {
  const Tensor x = torch::randn({2, 4, 37, 50});
  const auto enlarge = [](const Tensor& part) {
    return at::upsample_nearest2d(part, {part.size(2) * 8, part.size(3) * 8});
  };
  const Tensor tiled = map_tiles(x, 16, 4, 8, 1, enlarge);
  EXPECT_TRUE(torch::allclose(tiled, enlarge(x), 1e-5, 1e-5));
}

TEST(Tiling, IsExactForALocalEncoder) {
  const Tensor x = torch::randn({1, 3, 160, 104});
  const auto shrink = [](const Tensor& part) { return at::avg_pool2d(part, {8, 8}); };
  const Tensor tiled = map_tiles(x, 64, 16, 1, 8, shrink);
  EXPECT_TRUE(torch::allclose(tiled, shrink(x), 1e-5, 1e-5));
}

TEST(Tiling, BlendsWhatDisagreesSmoothly) {
  int calls = 0;
  const auto constant = [&](const Tensor& part) {
    return torch::full_like(part, static_cast<double>(calls++));
  };
  const Tensor x = map_tiles(torch::zeros({1, 1, 8, 112}), 64, 16, 1, 1, constant);
  const Tensor row = x[0][0][4];
  EXPECT_EQ(row[0].item<float>(), 0);
  EXPECT_EQ(row[111].item<float>(), 1);
  EXPECT_LT(row.diff().abs().max().item<float>(), 0.11);
}

}  // namespace
}  // namespace sumi
