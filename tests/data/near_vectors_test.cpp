#include "data/near_vectors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "data/random.h"

namespace sumi {
namespace {

constexpr std::size_t kWidth = 64;

std::vector<float> unit(Random& random) {
  std::vector<float> vector(kWidth);
  double square = 0;
  for (auto& value : vector) {
    value = static_cast<float>(random.between(-1, 1) + random.between(-1, 1));
    square += value * value;
  }
  for (auto& value : vector) value = static_cast<float>(value / std::sqrt(square));
  return vector;
}

/// `vector` turned so that the cosine with it is `cosine`.
std::vector<float> turned(const std::vector<float>& vector, double cosine, Random& random) {
  auto other = unit(random);
  double along = 0;
  for (std::size_t i = 0; i < kWidth; ++i) along += vector[i] * other[i];
  double square = 0;
  for (std::size_t i = 0; i < kWidth; ++i) {
    other[i] -= static_cast<float>(along) * vector[i];
    square += other[i] * other[i];
  }
  for (std::size_t i = 0; i < kWidth; ++i)
    other[i] = static_cast<float>(cosine * vector[i] +
                                  std::sqrt(1 - cosine * cosine) * other[i] / std::sqrt(square));
  return other;
}

TEST(NearVectors, FewAreAllCompared) {
  Random random(1, 0, 0);
  std::vector<float> vectors;
  const auto first = unit(random);
  for (const auto& vector : {first, unit(random), turned(first, 0.995, random), unit(random),
                             turned(first, 0.9, random)})
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  EXPECT_EQ(near_vectors(vectors, kWidth, 0.99), (std::vector<NearPair>{{0, 2}}));
  EXPECT_EQ(near_vectors(vectors, kWidth, 0.899).size(), 2u);
  EXPECT_TRUE(near_vectors({}, kWidth, 0.9).empty());
}

TEST(NearVectors, OfManyAllPairsAreFoundAndNoOthers) {
  constexpr std::uint32_t kCount = 20'000, kPlanted = 1000;
  Random random(2, 0, 0);
  std::vector<float> vectors;
  const auto add = [&](const std::vector<float>& vector) {
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  };
  std::set<std::pair<std::uint32_t, std::uint32_t>> planted;
  for (std::uint32_t i = 0; i < kCount; ++i) add(unit(random));
  for (std::uint32_t i = 0; i < kPlanted; ++i) {
    const auto of = i * 17;
    const std::vector<float> vector(vectors.begin() + of * kWidth,
                                    vectors.begin() + (of + 1) * kWidth);
    add(turned(vector, 0.9905, random));
    planted.insert({of, kCount + i});
  }
  const auto pairs = near_vectors(vectors, kWidth, 0.99);
  std::set<std::pair<std::uint32_t, std::uint32_t>> found;
  for (const auto& pair : pairs) found.insert({pair.a, pair.b});
  EXPECT_EQ(found, planted);
}

/// Copies are joined, not all compared with each other.
TEST(NearVectors, ManyCopiesStayFewPairs) {
  constexpr std::size_t kCopies = 5000;
  Random random(3, 0, 0);
  const auto one = unit(random);
  std::vector<float> vectors;
  for (std::size_t i = 0; i < kCopies; ++i) vectors.insert(vectors.end(), one.begin(), one.end());
  const auto pairs = near_vectors(vectors, kWidth, 0.99);
  EXPECT_LE(pairs.size(), kCopies * 64);
  for (const auto group : joined_groups(kCopies, pairs)) EXPECT_EQ(group, 0u);
}

}  // namespace
}  // namespace sumi
