#include "nn/kernels/quantisation.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "nn/kernels/byte_scale.h"

namespace sumi {
namespace {

/// Elements that one thread handles at a time.
constexpr std::int64_t kGrain = 1 << 14;

Range range_of(const float* x, std::int64_t count) {
  float low = 0, high = 0;
  const auto pieces = (count + kGrain - 1) / kGrain;
#pragma omp parallel for reduction(min : low) reduction(max : high) if (pieces > 1)
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    const auto first = piece * kGrain;
    const auto part = loops().range(x + first, std::min(kGrain, count - first));
    low = std::min(low, part.low);
    high = std::max(high, part.high);
  }
  return {low, high};
}

/// One source row of bytes, its pixels repeated, to every row of `out` that shows it.
void repeat_row(const std::uint8_t* row, std::int64_t sample, std::int64_t y, std::int64_t height,
                std::int64_t width, const ByteImage& out) {
  const auto pixel_bytes = static_cast<std::size_t>(out.channels);
  const std::uint8_t* expanded = nullptr;
  for (auto target = (y * out.height + height - 1) / height;
       target < out.height && target * height / out.height == y; ++target) {
    auto* to = out.pixel(sample, target, 0);
    if (expanded) {
      std::memcpy(to, expanded, pixel_bytes * static_cast<std::size_t>(out.width));
      continue;
    }
    for (std::int64_t x = 0; x < out.width; ++x)
      std::memcpy(to + x * out.channels, row + x * width / out.width * out.channels, pixel_bytes);
    expanded = to;
  }
}

}  // namespace

Quantisation quantisation_of(float low, float high) {
  low = std::min(low, 0.0f);
  high = std::max(high, 0.0f);
  if (!(high - low > 0) || !std::isfinite(high - low)) return {};
  const float scale = (high - low) / 255;
  return {scale, static_cast<int>(std::lround(-low / scale))};
}

void fill_border(const ByteImage& image, int zero_point) {
  const auto& b = image.border;
  const auto row_bytes = image.full_width() * image.channels;
  const auto fill = [&](std::uint8_t* from, std::int64_t count) {
    std::memset(from, zero_point, static_cast<std::size_t>(count));
  };
  for (std::int64_t sample = 0; sample < image.batch; ++sample) {
    auto* top = image.data + sample * image.full_height() * row_bytes;
    fill(top, b.top * row_bytes);
    for (std::int64_t y = 0; y < image.height; ++y) {
      auto* row = top + (b.top + y) * row_bytes;
      fill(row, b.left * image.channels);
      fill(row + (b.left + image.width) * image.channels, b.right * image.channels);
    }
    fill(top + (b.top + image.height) * row_bytes, b.bottom * row_bytes);
  }
}

Quantisation quantise(const float* x, std::int64_t rows, std::int64_t width, std::uint8_t* out) {
  return quantise(x, ByteImage{.data = out, .width = rows, .channels = width});
}

Quantisation quantise(const float* x, const ByteImage& out) {
  return quantise_enlarged(x, out.height, out.width, out);
}

Quantisation quantise_enlarged(const float* x, std::int64_t height, std::int64_t width,
                               const ByteImage& out) {
  const auto row_size = width * out.channels;
  const auto range = range_of(x, out.batch * height * row_size);
  const auto chosen = quantisation_of(range.low, range.high);
  const auto bytes = byte_scale(chosen);
  fill_border(out, chosen.zero_point);
  const bool enlarges = height != out.height || width != out.width;
  // Wide rows are cut, so that a picture of height 1 (rows of tokens) is shared among threads too.
  const auto pieces = enlarges ? 1 : std::max<std::int64_t>(1, row_size / kGrain);
#pragma omp parallel for collapse(3) if (out.batch * height * row_size > kGrain)
  for (std::int64_t sample = 0; sample < out.batch; ++sample)
    for (std::int64_t y = 0; y < height; ++y)
      for (std::int64_t piece = 0; piece < pieces; ++piece) {
        const auto* row = x + (sample * height + y) * row_size;
        const auto first = piece * row_size / pieces, last = (piece + 1) * row_size / pieces;
        if (!enlarges) {
          loops().to_bytes(row + first, last - first, bytes, out.pixel(sample, y, 0) + first);
          continue;
        }
        std::vector<std::uint8_t> small(static_cast<std::size_t>(row_size));
        loops().to_bytes(row, row_size, bytes, small.data());
        repeat_row(small.data(), sample, y, height, width, out);
      }
  return chosen;
}

}  // namespace sumi
