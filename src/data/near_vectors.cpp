#include "data/near_vectors.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <unordered_set>

#include "data/random.h"

namespace sumi {
namespace {

constexpr std::size_t kAllCompared = 2000;
constexpr std::size_t kBands = 32, kSigns = 24, kCompared = 16;

float dot(const float* a, const float* b, std::size_t width) {
  float sums[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= width; i += 8)
    for (std::size_t k = 0; k < 8; ++k) sums[k] += a[i + k] * b[i + k];
  float sum = 0;
  for (; i < width; ++i) sum += a[i] * b[i];
  for (const float part : sums) sum += part;
  return sum;
}

/// kSigns directions of normal numbers (Box and Muller), the same for the same band.
std::vector<float> directions(std::size_t band, std::size_t width) {
  Random random(0x6e656172, band, width);
  std::vector<float> numbers(kSigns * width);
  for (auto& number : numbers)
    number = static_cast<float>(std::sqrt(-2 * std::log(1 - random.real())) *
                                std::cos(2 * std::numbers::pi * random.real()));
  return numbers;
}

/// The signs of a vector's projections, one bit each.
std::uint32_t signs_of(const float* vector, const std::vector<float>& normals, std::size_t width) {
  std::uint32_t bits = 0;
  for (std::size_t s = 0; s < kSigns; ++s)
    bits |= static_cast<std::uint32_t>(dot(vector, normals.data() + s * width, width) > 0) << s;
  return bits;
}

bool comes_first(const NearPair& x, const NearPair& y) {
  return std::pair(x.a, x.b) < std::pair(y.a, y.b);
}

}  // namespace

std::vector<NearPair> near_vectors(std::span<const float> vectors, std::size_t width,
                                   double least) {
  const auto count = static_cast<std::uint32_t>(width == 0 ? 0 : vectors.size() / width);
  std::vector<NearPair> pairs;
  const auto compare = [&](std::uint32_t i, std::uint32_t j) {
    const auto *a = vectors.data() + i * width, *b = vectors.data() + j * width;
    if (dot(a, b, width) >= static_cast<float>(least))
      pairs.push_back({std::min(i, j), std::max(i, j)});
  };
  if (count <= kAllCompared) {
    for (std::uint32_t i = 0; i < count; ++i)
      for (std::uint32_t j = i + 1; j < count; ++j) compare(i, j);
    return pairs;
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> sorted(count);
  std::unordered_set<std::uint64_t> compared;
  for (std::size_t band = 0; band < kBands; ++band) {
    const auto normals = directions(band, width);
    for (std::uint32_t i = 0; i < count; ++i)
      sorted[i] = {signs_of(vectors.data() + i * width, normals, width), i};
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < count; ++i)
      for (auto j = i + 1; j < count && j <= i + kCompared && sorted[j].first == sorted[i].first;
           ++j)
        // Those that are alike agree in many bands; sorted by index, so the first is the smaller.
        if (compared.insert(std::uint64_t{sorted[i].second} << 32 | sorted[j].second).second)
          compare(sorted[i].second, sorted[j].second);
  }
  std::sort(pairs.begin(), pairs.end(), comes_first);
  return pairs;
}

}  // namespace sumi
