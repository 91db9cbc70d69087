// Blocks that never overlap, whatever their lives look like.

#include "core/arena.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace sumi {
namespace {

constexpr std::size_t kPage = 4096;

/// A block filled with its own number, so that an overlap shows as another number.
struct Marked {
  unsigned char* at = nullptr;
  std::size_t bytes = 0;
  unsigned char mark = 0;

  bool intact() const {
    for (std::size_t i = 0; i < bytes; i += 509)
      if (at[i] != mark) return false;
    return at[bytes - 1] == mark;
  }
};

Marked take(Arena& arena, std::size_t bytes, unsigned char mark) {
  Marked block{static_cast<unsigned char*>(arena.allocate(bytes)), bytes, mark};
  if (block.at) std::memset(block.at, mark, bytes);
  return block;
}

/// Takes and frees at random; counts blocks whose contents somebody else changed.
int damaged_after(Arena& arena, unsigned seed, int turns) {
  std::mt19937 random(seed);
  std::vector<Marked> live;
  int damaged = 0;
  for (int turn = 0; turn < turns; ++turn) {
    if (live.size() < 24 && random() % 3 != 0) {
      const std::size_t bytes = 1 + random() % (random() % 8 == 0 ? 400'000 : 20'000);
      const auto block = take(arena, bytes, static_cast<unsigned char>(random() % 255 + 1));
      if (block.at) live.push_back(block);
    } else if (!live.empty()) {
      const auto i = random() % live.size();
      damaged += !live[i].intact();
      arena.free(live[i].at);
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  for (const auto& block : live) {
    damaged += !block.intact();
    arena.free(block.at);
  }
  return damaged;
}

TEST(Arena, LiveBlocksNeverOverlap) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    Arena arena(16 << 20);
    EXPECT_EQ(damaged_after(arena, seed, 2000), 0) << "seed " << seed;
    EXPECT_EQ(arena.usage().live, 0u);
  }
}

TEST(Arena, EverythingFreedIsOneGapAgain) {
  Arena arena(4 << 20);
  damaged_after(arena, 7, 3000);
  void* all = arena.allocate(4 << 20);
  EXPECT_NE(all, nullptr);
  EXPECT_EQ(arena.allocate(1), nullptr);
  arena.free(all);
  EXPECT_NE(arena.allocate(1), nullptr);
}

TEST(Arena, BlocksAreAlignedAndOwned) {
  Arena arena(1 << 20), other(1 << 20);
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, kPage, kPage + 1}) {
    void* block = arena.allocate(bytes);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % kPage, 0u);
    EXPECT_TRUE(arena.owns(block));
    EXPECT_FALSE(other.owns(block));
  }
  const int local = 0;
  EXPECT_FALSE(arena.owns(&local));
  EXPECT_FALSE(arena.owns(nullptr));
}

TEST(Arena, TakesTheSmallestGapThatFits) {
  Arena arena(1 << 20);
  void* large = arena.allocate(10 * kPage);
  void* wall = arena.allocate(kPage);
  void* small = arena.allocate(2 * kPage);
  void* end = arena.allocate(kPage);
  arena.free(large);
  arena.free(small);
  EXPECT_EQ(arena.allocate(2 * kPage), small);
  EXPECT_EQ(arena.allocate(3 * kPage), large);
  arena.free(wall);
  arena.free(end);
}

TEST(Arena, CountsWhatIsInUse) {
  Arena arena(1 << 20);
  void* one = arena.allocate(kPage + 1);
  void* two = arena.allocate(kPage);
  EXPECT_EQ(arena.usage().live, 3 * kPage);
  arena.free(one);
  EXPECT_EQ(arena.usage().live, kPage);
  EXPECT_EQ(arena.usage().peak, 3 * kPage);
  EXPECT_EQ(arena.usage().extent, 3 * kPage);
  arena.reset_peak();
  EXPECT_EQ(arena.usage().peak, kPage);
  EXPECT_EQ(arena.usage().extent, 3 * kPage);  // the block that is left lies there
  arena.free(two);
}

TEST(Arena, TooMuchIsRefusedAndDoesNoHarm) {
  Arena arena(1 << 20);
  EXPECT_EQ(arena.allocate((1 << 20) + 1), nullptr);
  EXPECT_EQ(arena.allocate(SIZE_MAX), nullptr);
  EXPECT_EQ(damaged_after(arena, 3, 500), 0);
}

TEST(Arena, TrimmedGapsComeBackAsZerosAndBlocksStay) {
  Arena arena(1 << 20);
  const auto kept = take(arena, 3 * kPage, 7), freed = take(arena, 2 * kPage, 9);
  arena.free(freed.at);
  arena.trim();
  EXPECT_TRUE(kept.intact());
  const auto* again = static_cast<unsigned char*>(arena.allocate(2 * kPage));
  EXPECT_EQ(again, freed.at);
  EXPECT_EQ(again[0], 0);
  EXPECT_EQ(again[2 * kPage - 1], 0);
}

TEST(Arena, ThreadsShareIt) {
  Arena arena(64 << 20);
  std::atomic<int> damaged = 0;
  std::vector<std::thread> threads;
  for (unsigned t = 1; t <= 4; ++t)
    threads.emplace_back([&, t] { damaged += damaged_after(arena, 100 + t, 3000); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(damaged, 0);
  EXPECT_EQ(arena.usage().live, 0u);
}

TEST(Arena, BlocksMayBeFreedByAnotherThread) {
  Arena arena(8 << 20);
  std::vector<Marked> blocks;
  for (int i = 0; i < 100; ++i)
    blocks.push_back(take(arena, 5000, static_cast<unsigned char>(i + 1)));
  std::atomic<int> damaged = 0;
  std::thread([&] {
    for (const auto& block : blocks) {
      damaged += !block.intact();
      arena.free(block.at);
    }
  }).join();
  EXPECT_EQ(damaged, 0);
  EXPECT_EQ(arena.usage().live, 0u);
}

}  // namespace
}  // namespace sumi
