#pragma once

#include "nn/kernels/row_moments.h"
#include "nn/kernels/training_loops.h"
#include "nn/kernels/vector.h"

// Included by one file per instruction set.

namespace sumi {
namespace {

typedef std::uint32_t Words __attribute__((vector_size(4 * kLanes)));
typedef Bf16 Halves __attribute__((vector_size(2 * kLanes)));

/// To the nearest bfloat16, ties to even.
inline Halves halves_of(Floats x) {
  const Words bits = std::bit_cast<Words>(x);
  return __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, Halves);
}

inline void store(Bf16* to, Floats x, std::int64_t count) {
  const Halves halves = halves_of(x);
  if (count >= kLanes) {
    std::memcpy(to, &halves, sizeof(halves));
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) to[i] = halves[i];
}

inline void add_to(float* sum, Floats x, std::int64_t count) {
  store(sum, load(sum, count) + x, count);
}

inline Floats sigmoid_of(Floats x) { return 1.0f / (1.0f + exponential(-x)); }

void to_bf16(const float* x, std::int64_t count, Bf16* out) {
  over_channels(count,
                [&](std::int64_t i, std::int64_t few) { store(out + i, load(x + i, few), few); });
}

void column_sums(const float* x, std::int64_t rows, std::int64_t width, Bf16* out, float* sum) {
  over_channels(width, [&](std::int64_t c, std::int64_t count) {
    Floats whole = load(sum + c, count);
    for (std::int64_t row = 0; row < rows; ++row) {
      const Floats value = load(x + row * width + c, count);
      whole += value;
      if (out) store(out + row * width + c, value, count);
    }
    store(sum + c, whole, count);
  });
}

void channel_sums(const float* x, std::int64_t rows, std::int64_t channels, const float* pivot,
                  float* sum, float* square) {
  over_channels(channels, [&](std::int64_t c, std::int64_t count) {
    const Floats centre = load(pivot + c, count);
    Floats sums = {}, squares = {};
    for (std::int64_t row = 0; row < rows; ++row) {
      const Floats offset = load(x + row * channels + c, count) - centre;
      sums += offset;
      squares += offset * offset;
    }
    add_to(sum + c, sums, count);
    add_to(square + c, squares, count);
  });
}

template <bool kSilu, class Out>
void norm_rows_as(const float* x, std::int64_t rows, std::int64_t channels,
                  const NormChannels& norm, Out* out) {
  over_channels(channels, [&](std::int64_t c, std::int64_t count) {
    const Floats weight = load(norm.weight + c, count);
    const Floats scale = load(norm.scale + c, count) * weight;
    const Floats shift = load(norm.shift + c, count) * weight + load(norm.bias + c, count);
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto at = row * channels + c;
      const Floats y = load(x + at, count) * scale + shift;
      store(out + at, kSilu ? silu_of(y) : y, count);
    }
  });
}

template <class Out>
void norm_rows(const float* x, std::int64_t rows, std::int64_t channels, const NormChannels& norm,
               Out* out) {
  (norm.silu ? norm_rows_as<true, Out> : norm_rows_as<false, Out>)(x, rows, channels, norm, out);
}

template <bool kSilu>
void norm_slopes_as(const float* x, std::int64_t rows, std::int64_t channels,
                    const NormChannels& norm, float* slope, float* sum, float* product) {
  over_channels(channels, [&](std::int64_t c, std::int64_t count) {
    const Floats scale = load(norm.scale + c, count), shift = load(norm.shift + c, count);
    const Floats weight = load(norm.weight + c, count), bias = load(norm.bias + c, count);
    Floats sums = {}, products = {};
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto at = row * channels + c;
      const Floats normed = load(x + at, count) * scale + shift;
      Floats gradient = load(slope + at, count);
      if constexpr (kSilu) {
        const Floats y = normed * weight + bias;
        const Floats gate = sigmoid_of(y);
        gradient *= gate * (1.0f + y * (1.0f - gate));
        store(slope + at, gradient, count);
      }
      sums += gradient;
      products += gradient * normed;
    }
    add_to(sum + c, sums, count);
    add_to(product + c, products, count);
  });
}

void norm_slopes(const float* x, std::int64_t rows, std::int64_t channels, const NormChannels& norm,
                 float* slope, float* sum, float* product) {
  (norm.silu ? norm_slopes_as<true> : norm_slopes_as<false>)(x, rows, channels, norm, slope, sum,
                                                             product);
}

void norm_gradient(const float* x, std::int64_t rows, std::int64_t channels, const float* by_slope,
                   const float* by_x, const float* constant, float* slope) {
  over_channels(channels, [&](std::int64_t c, std::int64_t count) {
    const Floats a = load(by_slope + c, count), b = load(by_x + c, count);
    const Floats d = load(constant + c, count);
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto at = row * channels + c;
      store(slope + at, load(slope + at, count) * a + load(x + at, count) * b + d, count);
    }
  });
}

void layer_norm_gradient(const float* x, const float* gradient, std::int64_t rows,
                         std::int64_t width, const float* weight, float epsilon, float* out,
                         float* weight_sum, float* bias_sum) {
  const float share = 1.0f / static_cast<float>(width);
  for (std::int64_t row = 0; row < rows; ++row, x += width, gradient += width, out += width) {
    float moments[2];
    row_moments(x, width, epsilon, moments);
    const float mean = moments[0], scale = moments[1];
    Floats sums = {}, products = {};
    over_channels(width, [&](std::int64_t c, std::int64_t count) {
      const Floats slope = load(gradient + c, count);
      const Floats normed = (load(x + c, count) - mean) * scale;
      add_to(weight_sum + c, slope * normed, count);
      add_to(bias_sum + c, slope, count);
      const Floats weighed = slope * load(weight + c, count);
      sums += weighed;  // zero beyond the last
      products += weighed * normed;
    });
    const float level = sum_of(sums) * share, along = sum_of(products) * share;
    over_channels(width, [&](std::int64_t c, std::int64_t count) {
      const Floats normed = (load(x + c, count) - mean) * scale;
      const Floats weighed = load(gradient + c, count) * load(weight + c, count);
      store(out + c, (weighed - level - normed * along) * scale, count);
    });
  }
}

void geglu_to_bf16(const float* x, std::int64_t rows, std::int64_t width, Bf16* out) {
  for (std::int64_t row = 0; row < rows; ++row, x += 2 * width, out += width)
    over_channels(width, [&](std::int64_t c, std::int64_t count) {
      store(out + c, load(x + c, count) * gelu_of(load(x + width + c, count)), count);
    });
}

void geglu_gradient(const float* x, const float* gradient, std::int64_t rows, std::int64_t width,
                    float* out) {
  constexpr float kHeight = 0.39894228040143268f;  // of the normal distribution's density
  for (std::int64_t row = 0; row < rows; ++row, x += 2 * width, gradient += width, out += 2 * width)
    over_channels(width, [&](std::int64_t c, std::int64_t count) {
      const Floats slope = load(gradient + c, count);
      const Floats value = load(x + c, count), gate = load(x + width + c, count);
      const Floats gelu = gelu_of(gate);
      const Floats density = kHeight * exponential(-0.5f * gate * gate);
      // gelu = gate * share, except at 0, where the share is a half.
      const Floats share = gate == 0 ? all(0.5f) : gelu / gate;
      store(out + c, slope * gelu, count);
      store(out + width + c, slope * value * (share + gate * density), count);
    });
}

void softmax_columns(float* x, std::int64_t rows, std::int64_t width) {
  over_channels(width, [&](std::int64_t c, std::int64_t count) {
    Floats top = load(x + c, count), sum = {};
    for (std::int64_t row = 1; row < rows; ++row)
      top = larger(top, load(x + row * width + c, count));
    for (std::int64_t row = 0; row < rows; ++row) {
      const Floats weight = exponential(load(x + row * width + c, count) - top);
      sum += weight;
      store(x + row * width + c, weight, count);
    }
    const Floats share = 1.0f / sum;
    for (std::int64_t row = 0; row < rows; ++row)
      store(x + row * width + c, load(x + row * width + c, count) * share, count);
  });
}

void softmax_gradient(const float* weights, float* gradient, std::int64_t rows,
                      std::int64_t width) {
  over_channels(width, [&](std::int64_t c, std::int64_t count) {
    Floats level = {};
    for (std::int64_t at = c; at < rows * width; at += width)
      level += load(weights + at, count) * load(gradient + at, count);
    for (std::int64_t at = c; at < rows * width; at += width)
      store(gradient + at, load(weights + at, count) * (load(gradient + at, count) - level), count);
  });
}

constexpr TrainingLoops kTrainingBody = {
    to_bf16,         column_sums,    channel_sums,    norm_rows<float>,
    norm_rows<Bf16>, norm_slopes,    norm_gradient,   layer_norm_gradient,
    geglu_to_bf16,   geglu_gradient, softmax_columns, softmax_gradient,
};

}  // namespace
}  // namespace sumi
