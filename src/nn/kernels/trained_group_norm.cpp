#include "nn/kernels/trained_group_norm.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace sumi {
namespace {

/// Pixels whose sums stay in float32 before they join the doubles.
constexpr std::int64_t kBlock = 64;

std::size_t size_of(std::int64_t count) { return static_cast<std::size_t>(count); }

/// Two sums for each channel of a sample; visit(first pixel, pixels, one, other) adds a block's.
class ChannelSums2 {
 public:
  template <class Visit>
  ChannelSums2(std::int64_t pixels, std::int64_t channels, const Visit& visit)
      : one(size_of(channels)), other(size_of(channels)) {
    std::vector<float> a(size_of(channels)), b(size_of(channels));
    for (std::int64_t first = 0; first < pixels; first += kBlock) {
      std::fill(a.begin(), a.end(), 0.0f);
      std::fill(b.begin(), b.end(), 0.0f);
      visit(first, std::min(kBlock, pixels - first), a.data(), b.data());
      for (std::size_t c = 0; c < one.size(); ++c) one[c] += a[c], other[c] += b[c];
    }
  }
  std::vector<double> one, other;
};

/// Mean and 1/deviation of one group of a sample, from its channels' sums of x - pivot and of its
/// square.
struct GroupMoments {
  double mean = 0, inverse = 0;
};

GroupMoments moments_of(const TrainedGroupNorm& norm, const ChannelSums2& sums, const float* pivot,
                        const float* shift, std::int64_t first, std::int64_t last) {
  const double pixels = static_cast<double>(norm.pixels);
  const double count = static_cast<double>(last - first);
  const auto mean_of = [&](std::int64_t c) {
    return pivot[c] + sums.one[size_of(c)] / pixels + (shift ? shift[c] : 0.0f);
  };
  double mean = 0, spread = 0;
  for (auto c = first; c < last; ++c) mean += mean_of(c) / count;
  for (auto c = first; c < last; ++c) {
    const double sum = sums.one[size_of(c)], gap = mean_of(c) - mean;
    spread += std::max(0.0, sums.other[size_of(c)] / pixels - sum * sum / pixels / pixels);
    spread += gap * gap;
  }
  return {mean, 1 / std::sqrt(spread / count + norm.epsilon)};
}

void measure_sample(const TrainedGroupNorm& norm, std::int64_t sample, float* scale,
                    float* offset) {
  const auto channels = norm.channels, width = channels / norm.groups;
  const float* x = norm.x + sample * norm.pixels * channels;
  const float* shift = norm.shift ? norm.shift + sample * channels : nullptr;
  const float* pivot = x;  // the first pixel: a common level costs no digits
  const ChannelSums2 sums(
      norm.pixels, channels, [&](std::int64_t first, std::int64_t pixels, float* sum, float* sq) {
        training_loops().channel_sums(x + first * channels, pixels, channels, pivot, sum, sq);
      });
  for (std::int64_t first = 0; first < channels; first += width) {
    const auto moments = moments_of(norm, sums, pivot, shift, first, first + width);
    for (auto c = first; c < first + width; ++c) {
      scale[c] = static_cast<float>(moments.inverse);
      offset[c] = static_cast<float>(((shift ? shift[c] : 0.0f) - moments.mean) * moments.inverse);
    }
  }
}

NormChannels channels_of(const TrainedGroupNorm& norm, const float* scale, const float* offset) {
  return {scale, offset, norm.weight, norm.bias, norm.silu};
}

/// Calls work(sample, x of the sample, its channels' statistics) for all samples, on all threads.
template <class Work>
void over_samples(const TrainedGroupNorm& norm, const float* scale, const float* offset,
                  const Work& work) {
#pragma omp parallel for if (norm.batch > 1)
  for (std::int64_t sample = 0; sample < norm.batch; ++sample)
    work(sample, norm.x + sample * norm.pixels * norm.channels,
         channels_of(norm, scale + sample * norm.channels, offset + sample * norm.channels));
}

/// The gradient to one sample's x; `sum` and `product` [channels] are its slopes' sums.
void backward_sample(const TrainedGroupNorm& norm, const float* x, const NormChannels& of,
                     float* slope, float* sum, float* product) {
  const auto channels = norm.channels, width = channels / norm.groups;
  const auto& loops = training_loops();
  const ChannelSums2 sums(norm.pixels, channels,
                          [&](std::int64_t first, std::int64_t pixels, float* one, float* two) {
                            const auto at = first * channels;
                            loops.norm_slopes(x + at, pixels, channels, of, slope + at, one, two);
                          });
  std::vector<float> by_slope(size_of(channels)), by_x(size_of(channels)), rest(size_of(channels));
  const double count = static_cast<double>(norm.pixels * width);
  for (std::int64_t first = 0; first < channels; first += width) {
    double level = 0, along = 0;
    for (auto c = first; c < first + width; ++c) {
      level += norm.weight[c] * sums.one[size_of(c)] / count;
      along += norm.weight[c] * sums.other[size_of(c)] / count;
    }
    for (auto c = first; c < first + width; ++c) {
      const double scale = of.scale[c];
      by_slope[size_of(c)] = static_cast<float>(scale * norm.weight[c]);
      by_x[size_of(c)] = static_cast<float>(-scale * scale * along);
      rest[size_of(c)] = static_cast<float>(-scale * (level + of.shift[c] * along));
    }
  }
  for (std::size_t c = 0; c < size_of(channels); ++c) {
    sum[c] = static_cast<float>(sums.one[c]);
    product[c] = static_cast<float>(sums.other[c]);
  }
  loops.norm_gradient(x, norm.pixels, channels, by_slope.data(), by_x.data(), rest.data(), slope);
}

/// rows [count, width] summed up from the first to the last.
void sum_rows(const std::vector<float>& rows, std::int64_t count, std::int64_t width, float* out) {
  std::fill_n(out, width, 0.0f);
  for (std::int64_t row = 0; row < count; ++row)
    for (std::int64_t c = 0; c < width; ++c) out[c] += rows[size_of(row * width + c)];
}

}  // namespace

void TrainedGroupNorm::measure(float* scale, float* offset) const {
#pragma omp parallel for if (batch > 1)
  for (std::int64_t sample = 0; sample < batch; ++sample)
    measure_sample(*this, sample, scale + sample * channels, offset + sample * channels);
}

void TrainedGroupNorm::forward(const float* scale, const float* offset, float* out) const {
  over_samples(*this, scale, offset, [&](auto sample, const float* from, const auto& of) {
    training_loops().norm_rows(from, pixels, channels, of, out + sample * pixels * channels);
  });
}

void TrainedGroupNorm::forward(const float* scale, const float* offset, Bf16* out) const {
  over_samples(*this, scale, offset, [&](auto sample, const float* from, const auto& of) {
    training_loops().norm_rows_to_bf16(from, pixels, channels, of,
                                       out + sample * pixels * channels);
  });
}

void TrainedGroupNorm::backward(const float* scale, const float* offset, float* slope,
                                const Gradients& to) const {
  std::vector<float> sums(size_of(batch * channels)), products(size_of(batch * channels));
  if (to.shift) std::fill_n(to.shift, batch * channels, 0.0f);
  over_samples(*this, scale, offset, [&](auto sample, const float* from, const auto& of) {
    float* own = slope + sample * pixels * channels;
    backward_sample(*this, from, of, own, &sums[size_of(sample * channels)],
                    &products[size_of(sample * channels)]);
    if (to.shift)
      training_loops().column_sums(own, pixels, channels, nullptr, to.shift + sample * channels);
  });
  sum_rows(sums, batch, channels, to.bias);
  sum_rows(products, batch, channels, to.weight);
}

}  // namespace sumi
