#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "nn/kernels/byte_scale.h"
#include "nn/kernels/norms.h"

namespace sumi {
namespace {

/// Pixels whose sums stay in float32 before they join the doubles.
constexpr std::int64_t kBlock = 32;

/// One channel of one sample: moments in double, range in float.
struct ChannelMoments {
  double count = 0;
  double mean = 0;
  double spread = 0;  ///< sum of squared distances from the mean
  float low = 0;
  float high = 0;
};

/// Moments of both together (Chan, Golub & LeVeque 1979).
void join(ChannelMoments& whole, const ChannelMoments& part) {
  const double count = whole.count + part.count, gap = part.mean - whole.mean;
  whole.spread += part.spread + gap * gap * whole.count * part.count / count;
  whole.mean += gap * part.count / count;
  whole.count = count;
}

/// Calls visit(source's first pixel of that sample, channels, first channel) for both sources.
template <class Visit>
void over_sources(const GroupNormTask& task, std::int64_t sample, const Visit& visit) {
  std::int64_t channel = 0;
  for (const auto& source : task.sources) {
    if (source.channels == 0) continue;
    visit(source.data + sample * task.pixels * source.channels, source.channels, channel);
    channel += source.channels;
  }
}

/// A point near every channel's mean, from which distances are taken, so that a common offset
/// costs no digits: the mean of a few pixels. [channels]
std::vector<float> pivots_of(const GroupNormTask& task, std::int64_t sample) {
  const auto samples = std::min<std::int64_t>(task.pixels, 16);
  std::vector<float> pivots(static_cast<std::size_t>(task.channels()));
  over_sources(task, sample, [&](const float* x, std::int64_t width, std::int64_t channel) {
    auto* pivot = pivots.data() + channel;
    for (std::int64_t i = 0; i < samples; ++i)
      for (std::int64_t c = 0; c < width; ++c) pivot[c] += x[i * task.pixels / samples * width + c];
    for (std::int64_t c = 0; c < width; ++c) pivot[c] /= static_cast<float>(samples);
  });
  return pivots;
}

/// Sums over a run of pixels of one sample, all channels.
struct RunSums {
  std::vector<double> sum, square;
  std::vector<float> low, high;

  explicit RunSums(std::size_t channels)
      : sum(channels),
        square(channels),
        low(channels, std::numeric_limits<float>::infinity()),
        high(channels, -std::numeric_limits<float>::infinity()) {}

  void add(const RunSums& other) {
    for (std::size_t c = 0; c < sum.size(); ++c) {
      sum[c] += other.sum[c];
      square[c] += other.square[c];
      low[c] = std::min(low[c], other.low[c]);
      high[c] = std::max(high[c], other.high[c]);
    }
  }
};

RunSums measure_run(const GroupNormTask& task, std::int64_t sample, const float* pivots,
                    std::int64_t first, std::int64_t last) {
  const auto channels = static_cast<std::size_t>(task.channels());
  RunSums run(channels);
  std::vector<float> sum(channels), square(channels);
  for (auto pixel = first; pixel < last; pixel += kBlock) {
    const auto rows = std::min(kBlock, last - pixel);
    over_sources(task, sample, [&](const float* x, std::int64_t width, std::int64_t c) {
      loops().channel_sums(
          x + pixel * width, rows, width, pivots + c,
          {sum.data() + c, square.data() + c, run.low.data() + c, run.high.data() + c});
    });
    for (std::size_t c = 0; c < channels; ++c) {
      run.sum[c] += sum[c];
      run.square[c] += square[c];
    }
  }
  return run;
}

/// Pixels of one sample are shared among this many runs, each measured by one thread.
std::int64_t runs_of(const GroupNormTask& task) {
  constexpr std::int64_t kShortest = 64, kMost = 64;
  return std::clamp<std::int64_t>(task.pixels / kShortest, 1, kMost);
}

/// All channels of one sample.
std::vector<ChannelMoments> measure(const GroupNormTask& task, std::int64_t sample) {
  const auto channels = static_cast<std::size_t>(task.channels());
  const auto runs = runs_of(task);
  const auto pivots = pivots_of(task, sample);
  std::vector<RunSums> parts(static_cast<std::size_t>(runs), RunSums(0));
#pragma omp parallel for if (runs > 1)
  for (std::int64_t run = 0; run < runs; ++run)
    parts[static_cast<std::size_t>(run)] = measure_run(
        task, sample, pivots.data(), run * task.pixels / runs, (run + 1) * task.pixels / runs);
  RunSums whole(channels);
  for (const auto& part : parts) whole.add(part);
  std::vector<ChannelMoments> moments(channels);
  const double count = static_cast<double>(task.pixels);
  for (std::size_t c = 0; c < channels; ++c)
    moments[c] = {count, pivots[c] + whole.sum[c] / count,
                  std::max(0.0, whole.square[c] - whole.sum[c] * whole.sum[c] / count),
                  whole.low[c], whole.high[c]};
  return moments;
}

/// y = scale * x + shift per channel, and the range y takes.
struct Affine {
  std::vector<float> scale, shift;  ///< [batch, channels]
  std::vector<Range> range;
};

/// `moments`: of this sample's channels.
void solve_group(const GroupNormTask& task, std::int64_t sample, std::int64_t group,
                 const std::vector<ChannelMoments>& moments, Affine& affine) {
  const auto width = task.channels() / task.groups, start = group * width;
  const auto row = sample * task.channels();
  const auto added = [&](std::int64_t c) { return task.shift ? double{task.shift[row + c]} : 0.0; };
  ChannelMoments whole;
  for (auto c = start; c < start + width; ++c) {
    auto channel = moments[static_cast<std::size_t>(c)];
    channel.mean += added(c);
    join(whole, channel);
  }
  const double inverse = 1 / std::sqrt(whole.spread / whole.count + task.epsilon);
  for (auto c = start; c < start + width; ++c) {
    const double scale = task.weight[c] * inverse;
    const double shift = task.bias[c] + (added(c) - whole.mean) * scale;
    const auto& seen = moments[static_cast<std::size_t>(c)];
    const auto ends = std::minmax({static_cast<float>(scale * seen.low + shift),
                                   static_cast<float>(scale * seen.high + shift)});
    const auto at = static_cast<std::size_t>(row + c);
    affine.scale[at] = static_cast<float>(scale);
    affine.shift[at] = static_cast<float>(shift);
    affine.range[at] = {ends.first, ends.second};
  }
}

Affine solve(const GroupNormTask& task) {
  const auto size = static_cast<std::size_t>(task.batch * task.channels());
  Affine affine = {std::vector<float>(size), std::vector<float>(size), std::vector<Range>(size)};
  for (std::int64_t sample = 0; sample < task.batch; ++sample) {
    const auto moments = measure(task, sample);
    for (std::int64_t group = 0; group < task.groups; ++group)
      solve_group(task, sample, group, moments, affine);
  }
  return affine;
}

Range after_silu(Range x) {
  constexpr float kWhere = -1.2784645f, kMinimum = -0.2784645f;
  const auto silu = [](float value) { return value / (1 + std::exp(-value)); };
  const float ends[] = {silu(x.low), silu(x.high)};
  const bool passes = x.low < kWhere && kWhere < x.high;
  return {passes ? kMinimum : std::min(ends[0], ends[1]), std::max(ends[0], ends[1])};
}

Quantisation quantisation_after(const GroupNormTask& task, const Affine& affine) {
  Range range = {0, 0};
  for (const auto& channel : affine.range) {
    const auto end = task.silu ? after_silu(channel) : channel;
    range = {std::min(range.low, end.low), std::max(range.high, end.high)};
  }
  return quantisation_of(range.low, range.high);
}

}  // namespace

GroupNormScales group_norm_scales(const GroupNormTask& task) {
  auto affine = solve(task);
  return {std::move(affine.scale), std::move(affine.shift)};
}

void group_norm(const GroupNormTask& task, float* out) {
  const auto affine = solve(task);
  const auto channels = task.channels(), runs = (task.pixels + kBlock - 1) / kBlock;
#pragma omp parallel for collapse(2) if (task.batch * runs > 1)
  for (std::int64_t sample = 0; sample < task.batch; ++sample)
    for (std::int64_t run = 0; run < runs; ++run) {
      const auto first = run * kBlock, rows = std::min(kBlock, task.pixels - first);
      auto* to = out + (sample * task.pixels + first) * channels;
      over_sources(task, sample, [&](const float* x, std::int64_t width, std::int64_t c) {
        const auto at = sample * channels + c;
        loops().scale_rows(x + first * width, width, rows, width, affine.scale.data() + at,
                           affine.shift.data() + at, task.silu, to + c, channels);
      });
    }
}

Quantisation group_norm_to_bytes(const GroupNormTask& task, const ByteImage& out) {
  const auto affine = solve(task);
  const auto chosen = quantisation_after(task, affine);
  const auto bytes = byte_scale(chosen);
  fill_border(out, chosen.zero_point);
  const auto pieces = (out.width + kBlock - 1) / kBlock;
#pragma omp parallel for collapse(3) if (task.batch * out.height * pieces > 1)
  for (std::int64_t sample = 0; sample < task.batch; ++sample)
    for (std::int64_t y = 0; y < out.height; ++y)
      for (std::int64_t piece = 0; piece < pieces; ++piece) {
        const auto first = piece * kBlock, rows = std::min(kBlock, out.width - first);
        auto* to = out.pixel(sample, y, first);
        over_sources(task, sample, [&](const float* x, std::int64_t width, std::int64_t c) {
          const auto at = sample * out.channels + c;
          loops().scale_rows_to_bytes(x + (y * out.width + first) * width, rows, width,
                                      affine.scale.data() + at, affine.shift.data() + at, task.silu,
                                      bytes, to + c, out.channels);
        });
      }
  return chosen;
}

}  // namespace sumi
