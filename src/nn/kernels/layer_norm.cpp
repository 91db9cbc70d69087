#include <algorithm>
#include <vector>

#include "nn/kernels/byte_scale.h"
#include "nn/kernels/norms.h"

namespace sumi {
namespace {

/// Rows that one thread handles at a time.
constexpr std::int64_t kRows = 16;

LayerScale affine_of(const LayerNormTask& task) {
  return {task.weight, task.bias, static_cast<float>(task.epsilon)};
}

/// Calls work(first row, rows) for every piece, on all threads.
template <class Work>
void over_rows(std::int64_t rows, const Work& work) {
  const auto pieces = (rows + kRows - 1) / kRows;
#pragma omp parallel for if (pieces > 1)
  for (std::int64_t piece = 0; piece < pieces; ++piece)
    work(piece * kRows, std::min(kRows, rows - piece * kRows));
}

/// The range over all pieces; work(first row, rows) gives that of one.
template <class Work>
Range range_over_rows(std::int64_t rows, const Work& work) {
  float low = 0, high = 0;
  const auto pieces = (rows + kRows - 1) / kRows;
#pragma omp parallel for reduction(min : low) reduction(max : high) if (pieces > 1)
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    const Range part = work(piece * kRows, std::min(kRows, rows - piece * kRows));
    low = std::min(low, part.low);
    high = std::max(high, part.high);
  }
  return {low, high};
}

}  // namespace

void layer_norm(const LayerNormTask& task, float* out) {
  over_rows(task.rows, [&](std::int64_t first, std::int64_t rows) {
    const auto start = first * task.width;
    loops().layer_norm(task.x + start, rows, task.width, affine_of(task), out + start);
  });
}

Quantisation layer_norm_to_bytes(const LayerNormTask& task, std::uint8_t* out) {
  std::vector<float> moments(static_cast<std::size_t>(2 * task.rows));
  const auto range = range_over_rows(task.rows, [&](std::int64_t first, std::int64_t rows) {
    return loops().layer_norm_range(task.x + first * task.width, rows, task.width, affine_of(task),
                                    moments.data() + 2 * first);
  });
  const auto chosen = quantisation_of(range.low, range.high);
  over_rows(task.rows, [&](std::int64_t first, std::int64_t rows) {
    const auto start = first * task.width;
    loops().layer_norm_to_bytes(task.x + start, rows, task.width, affine_of(task),
                                moments.data() + 2 * first, byte_scale(chosen), out + start);
  });
  return chosen;
}

void geglu(const float* x, std::int64_t rows, std::int64_t width, float* out) {
  over_rows(rows, [&](std::int64_t first, std::int64_t count) {
    loops().geglu(x + 2 * first * width, count, width, out + first * width, width);
  });
}

Quantisation geglu_to_bytes(float* x, std::int64_t rows, std::int64_t width, std::uint8_t* out) {
  const auto range = range_over_rows(rows, [&](std::int64_t first, std::int64_t count) {
    auto* start = x + 2 * first * width;
    return loops().geglu(start, count, width, start, 2 * width);
  });
  const auto chosen = quantisation_of(range.low, range.high);
  over_rows(rows, [&](std::int64_t first, std::int64_t count) {
    for (auto row = first; row < first + count; ++row)
      loops().to_bytes(x + 2 * row * width, width, byte_scale(chosen), out + row * width);
  });
  return chosen;
}

}  // namespace sumi
