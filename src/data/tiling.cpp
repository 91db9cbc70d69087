#include "data/tiling.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "data/sprites.h"

namespace sumi {
namespace {

/// The cells of a line that goes round which a pixel covers, and how much of it each is.
struct Cells {
  std::size_t first = 0;
  std::vector<float> weights;  ///< sum to 1
};

/// Pixel `i` covers [start + i * scale, start + (i + 1) * scale) of cells numbered from 0.
std::vector<Cells> cells_of(int pixels, double start, double scale, int length) {
  std::vector<Cells> result;
  for (int i = 0; i < pixels; ++i) {
    const double from = start + i * scale, to = from + scale;
    const double first = std::floor(from);
    Cells cells{static_cast<std::size_t>(std::fmod(first, length)), {}};
    for (double j = first; j < to; ++j)
      cells.weights.push_back(
          static_cast<float>((std::min(to, j + 1) - std::max(from, j)) / scale));
    result.push_back(std::move(cells));
  }
  return result;
}

}  // namespace

void paint_tiling(const Tiling& tiling, std::span<float> canvas, int size_px) {
  const auto& sprite = *tiling.sprite;
  std::vector<std::uint8_t> storage;
  const auto pixels = unpacked_pixels(sprite, storage);
  const auto width = static_cast<std::size_t>(sprite.width),
             height = static_cast<std::size_t>(sprite.height);
  const double scale = sprite.width / (tiling.width * size_px);
  const auto columns = cells_of(size_px, tiling.phase_x * sprite.width, scale, sprite.width);
  const auto rows = cells_of(size_px, tiling.phase_y * sprite.height, scale, sprite.height);
  std::vector<float> line(width);
  float* out = canvas.data();
  for (const auto& row : rows) {
    std::fill(line.begin(), line.end(), 0.0f);
    for (std::size_t k = 0; k < row.weights.size(); ++k) {
      const auto* source = pixels.data() + (row.first + k) % height * width * 4;
      for (std::size_t x = 0; x < width; ++x) line[x] += row.weights[k] * source[4 * x + 3];
    }
    for (const auto& column : columns) {
      float alpha = 0;
      for (std::size_t k = 0; k < column.weights.size(); ++k)
        alpha += column.weights[k] * line[(column.first + k) % width];
      for (std::size_t c = 0; c < 3; ++c, ++out)
        *out += alpha / 255 * (static_cast<float>(tiling.colour[c]) - *out);
    }
  }
}

}  // namespace sumi
