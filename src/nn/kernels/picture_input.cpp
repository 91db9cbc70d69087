#include "nn/kernels/picture_input.h"

#include <algorithm>
#include <cstring>

#include "nn/kernels/loops.h"

namespace sumi {
namespace {

/// Pixels within the picture, from `column` on; `from` is the first one's place in its source row.
void stage_inside(const PictureInput& x, const PictureRun& run, std::int64_t first,
                  std::int64_t last, float* out, std::int64_t stride) {
  const auto& source = x.sources[run.source];
  const bool enlarged = x.from_height > 0;
  const auto height = enlarged ? x.from_height : x.size.height;
  const auto width = enlarged ? x.from_width : x.size.width;
  const auto y = enlarged ? run.y * height / x.size.height : run.y;
  const auto* row =
      source.data + (run.sample * height + y) * width * source.channels + run.first_channel;
  const auto channel = (run.source == 0 ? 0 : x.sources[0].channels) + run.first_channel;
  const auto at = run.sample * x.channels() + channel;
  const auto bytes = static_cast<std::size_t>(run.channels) * sizeof(float);
  const auto write = [&](const float* from, std::int64_t pixels, float* to) {
    if (x.scale)
      loops().scale_rows(from, source.channels, pixels, run.channels, x.scale + at, x.shift + at,
                         x.silu, to, stride);
    else
      for (std::int64_t i = 0; i < pixels; ++i)
        std::memcpy(to + i * stride, from + i * source.channels, bytes);
  };
  if (!enlarged) return write(row + first * source.channels, last - first, out);
  const float* before = nullptr;
  for (auto column = first; column < last; ++column, out += stride) {
    const auto* from = row + column * width / x.size.width * source.channels;
    if (from == before)
      std::memcpy(out, out - stride, bytes);
    else
      write(from, 1, out);
    before = from;
  }
}

}  // namespace

void stage(const PictureInput& x, const PictureRun& run, float* out, std::int64_t stride) {
  const bool inside = run.y >= 0 && run.y < x.size.height;
  const auto first = inside ? std::clamp<std::int64_t>(run.first_x, 0, x.size.width) : run.last_x;
  const auto last = inside ? std::clamp<std::int64_t>(run.last_x, first, x.size.width) : run.last_x;
  const auto clear = [&](std::int64_t from, std::int64_t to) {
    for (auto column = from; column < to; ++column)
      std::fill_n(out + (column - run.first_x) * stride, run.channels, 0.0f);
  };
  clear(run.first_x, std::min(first, run.last_x));
  if (first < last) stage_inside(x, run, first, last, out + (first - run.first_x) * stride, stride);
  clear(std::max(last, run.first_x), run.last_x);
}

void stage_all(const PictureInput& x, float* out) {
  const auto& size = x.size;
  const auto channels = x.channels();
#pragma omp parallel for collapse(2) if (size.pixels() * channels > 10000)
  for (std::int64_t sample = 0; sample < size.batch; ++sample)
    for (std::int64_t y = 0; y < size.height; ++y) {
      auto* to = out + (sample * size.height + y) * size.width * channels;
      for (std::size_t source = 0; source < 2; ++source) {
        const auto width = x.sources[source].channels;
        if (width > 0) stage(x, {sample, y, 0, size.width, source, 0, width}, to, channels);
        to += width;
      }
    }
}

}  // namespace sumi
