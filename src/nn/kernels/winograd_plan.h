#pragma once

#include <algorithm>
#include <cstdint>

#include "nn/kernels/convolution_shape.h"

namespace sumi {

/// Outputs that stand side by side in Winograd's weights, and inputs that a patch is staged for at
/// a time.
constexpr std::int64_t kWinogradPanel = 64;

/// a / b, rounded up.
constexpr std::int64_t divided(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// How the transformed weights lie: panels of kWinogradPanel outputs, the last one narrower, each
/// [frequencies, in, width].
struct WinogradLayout {
  std::int64_t in, out, frequencies;

  WinogradLayout(std::int64_t inputs, std::int64_t outputs, int tile)
      : in(inputs), out(outputs), frequencies((tile + 2) * (tile + 2)) {}
  /// Keeps the values of one frequency and those of the next, which are written together, out of
  /// the same place of the cache.
  static constexpr std::int64_t kApart = 32;
  std::int64_t panels() const { return divided(out, kWinogradPanel); }
  /// Outputs of a panel, and the multiple of 16 that it has room for.
  std::int64_t outputs(std::int64_t panel) const {
    return std::min(kWinogradPanel, out - panel * kWinogradPanel);
  }
  std::int64_t width(std::int64_t panel) const { return divided(outputs(panel), 16) * 16; }
  std::int64_t stride(std::int64_t panel) const { return in * width(panel) + kApart; }
  std::int64_t start(std::int64_t panel) const {
    return panel * frequencies * (in * kWinogradPanel + kApart);
  }
  /// Numbers of all of it.
  std::int64_t size() const { return start(panels() - 1) + frequencies * stride(panels() - 1); }
};

/// How tiles are shared out: patches of `down` x `across` tiles, `together` of them in one block,
/// which is what a thread takes at a time.
struct WinogradPlan {
  std::int64_t rows, columns;  ///< tiles of a sample
  std::int64_t down, across, together;
  std::int64_t patches_down, patches_across, patches;

  std::int64_t blocks() const { return divided(patches, together); }
  std::int64_t tiles() const { return down * across * together; }
};

/// The cheapest plan for pictures of that size, tiles of `tile` x `tile` pixels, weights of
/// `weight_bytes` and that many threads.
WinogradPlan winograd_plan(const ImageSize& size, int tile, std::int64_t weight_bytes, int threads);

}  // namespace sumi
