// Every version of the inner loops that this processor can run agrees with the portable one.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "nn/kernels/loops.h"

namespace sumi {
namespace {

constexpr std::int64_t kRows = 7;
constexpr ByteScale kBytes = {20, 100};

std::vector<float> waves(std::int64_t count, float phase) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = 3 * std::sin(static_cast<float>(i) * 0.37f + phase);
  return values;
}

void expect_close(const std::vector<float>& a, const std::vector<float>& b,
                  float tolerance = 1e-5f) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a[i], b[i], tolerance * std::max(1.0f, std::abs(b[i]))) << "element " << i;
}

/// Bytes may differ by one where the number lies between two.
void expect_close(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1) << "element " << i;
}

/// What all loops make of the same numbers.
struct Outcome {
  std::vector<float> numbers;
  std::vector<std::uint8_t> bytes;
};

Outcome run(const Loops& loops, std::int64_t width) {
  const auto count = static_cast<std::size_t>(kRows * width), w = static_cast<std::size_t>(width);
  const auto x = waves(kRows * width, 0), pairs = waves(2 * kRows * width, 1);
  const auto a = waves(width, 2), b = waves(width, 3);
  Outcome all;
  const auto keep = [&](const std::vector<float>& some) {
    all.numbers.insert(all.numbers.end(), some.begin(), some.end());
  };
  const auto keep_bytes = [&](const std::vector<std::uint8_t>& some) {
    all.bytes.insert(all.bytes.end(), some.begin(), some.end());
  };
  const auto keep_range = [&](Range range) { keep({range.low, range.high}); };
  std::vector<float> out(count), moments(2 * kRows);
  std::vector<float> sum(w), square(w), low(w, 100.0f), high(w, -100.0f);
  std::vector<std::uint8_t> bytes(count);
  loops.channel_sums(x.data(), kRows, width, a.data(),
                     {sum.data(), square.data(), low.data(), high.data()});
  for (const auto& some : {sum, square, low, high}) keep(some);
  for (const bool silu : {false, true}) {
    loops.scale_rows(x.data(), width, kRows, width, a.data(), b.data(), silu, out.data(), width);
    keep(out);
    loops.scale_rows_to_bytes(x.data(), kRows, width, a.data(), b.data(), silu, kBytes,
                              bytes.data(), width);
    keep_bytes(bytes);
  }
  const LayerScale affine = {a.data(), b.data(), 1e-5f};
  loops.layer_norm(x.data(), kRows, width, affine, out.data());
  keep(out);
  keep_range(loops.layer_norm_range(x.data(), kRows, width, affine, moments.data()));
  loops.layer_norm_to_bytes(x.data(), kRows, width, affine, moments.data(), kBytes, bytes.data());
  keep_bytes(bytes);
  keep_range(loops.geglu(pairs.data(), kRows, width, out.data(), width));
  keep(out);
  keep_range(loops.range(x.data(), kRows * width));
  loops.to_bytes(x.data(), kRows * width, kBytes, bytes.data());
  keep_bytes(bytes);
  return all;
}

/// Winograd's ends and the product of matrices, on a tile that leaves the picture.
Outcome run_tiles(const Loops& loops, std::int64_t width) {
  constexpr std::int64_t kOutputs = 21, kPanel = 32, kTiles = 8;
  Outcome all;
  const auto keep = [&](const std::vector<float>& some) {
    all.numbers.insert(all.numbers.end(), some.begin(), some.end());
  };
  const auto zeros = [](std::int64_t count) {
    return std::vector<float>(static_cast<std::size_t>(count));
  };
  for (const int side : {4, 6}) {
    const auto& ends = side == 4 ? loops.winograd_2 : loops.winograd_4;
    const std::int64_t frequencies = side * side, stride = kTiles * width;
    const auto kernels = waves(kOutputs * width * 9, 1), pixels = waves(side * side * width, 2);
    auto panel = zeros(frequencies * width * kPanel);
    ends.weights(kernels.data(), width, 0, width, kOutputs, kPanel, panel.data(), width * kPanel);
    keep(panel);
    auto values = zeros(frequencies * stride);
    ends.input(pixels.data(), side * width, width, width, values.data(), stride);
    keep(values);
    auto sums = zeros(kTiles * kPanel);
    loops.product(values.data(), width, kTiles - 1, width, panel.data(), kPanel, sums.data());
    keep(sums);
    const auto bias = waves(width, 3), residual = waves(3 * 5 * width, 4);
    for (const float* added : {static_cast<const float*>(nullptr), residual.data()}) {
      auto image = zeros(3 * 5 * width);
      ends.output(values.data(), stride, {3, 5, 2, 4}, width, width, bias.data(), added,
                  image.data());
      keep(image);
    }
  }
  return all;
}

void expect_same(const Loops* version) {
  if (!version) GTEST_SKIP() << "not on this processor";
  for (const std::int64_t width : {1, 3, 4, 15, 16, 17, 40, 64}) {
    SCOPED_TRACE(width);
    const auto ours = run(*version, width), portable = run(*portable_loops(), width);
    expect_close(ours.numbers, portable.numbers);
    expect_close(ours.bytes, portable.bytes);
    // Sums of many products, most of which cancel.
    expect_close(run_tiles(*version, width).numbers, run_tiles(*portable_loops(), width).numbers,
                 1e-4f);
  }
}

TEST(Loops, Avx2) { expect_same(avx2_loops()); }
TEST(Loops, Avx512) { expect_same(avx512_loops()); }

TEST(Loops, BytesSaturateAndRoundToNearest) {
  const std::vector<float> x = {-1000, -5.06f, -5.04f, 0, 0.074f, 0.076f, 7.74f, 1e6f};
  const std::vector<std::uint8_t> expected = {0, 0, 0, 100, 101, 102, 255, 255};
  for (const auto* version : {portable_loops(), avx2_loops(), avx512_loops()}) {
    if (!version) continue;
    std::vector<std::uint8_t> bytes(x.size());
    version->to_bytes(x.data(), static_cast<std::int64_t>(x.size()), kBytes, bytes.data());
    EXPECT_EQ(bytes, expected);
  }
}

}  // namespace
}  // namespace sumi
