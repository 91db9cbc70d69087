#include "pipelines/tiling.h"

#include <cmath>
#include <numbers>

namespace sumi {
namespace {

/// Weights over one tile [length]: rises over the overlap with the tile before, falls over that
/// with the next.
Tensor blend_weights(const std::vector<Span1d>& tiles, std::size_t index, double scale) {
  const auto& tile = tiles[index];
  const auto length =
      static_cast<std::int64_t>(std::llround(static_cast<double>(tile.end - tile.begin) * scale));
  Tensor weights = torch::ones({length});
  auto* value = weights.data_ptr<float>();
  const auto ramp = [](std::int64_t i, std::int64_t count) {
    const double t = (static_cast<double>(i) + 0.5) / static_cast<double>(count);
    return static_cast<float>(0.5 - 0.5 * std::cos(std::numbers::pi * t));
  };
  if (index > 0) {
    const auto shared =
        std::llround(static_cast<double>(tiles[index - 1].end - tile.begin) * scale);
    for (std::int64_t i = 0; i < shared; ++i) value[i] *= ramp(i, shared);
  }
  if (index + 1 < tiles.size()) {
    const auto shared =
        std::llround(static_cast<double>(tile.end - tiles[index + 1].begin) * scale);
    for (std::int64_t i = 0; i < shared; ++i) value[length - 1 - i] *= ramp(i, shared);
  }
  return weights;
}

}  // namespace

std::vector<Span1d> tile_axis(std::int64_t length, std::int64_t tile, std::int64_t overlap) {
  if (length <= tile) return {{0, length}};
  const std::int64_t stride = tile - overlap;
  const std::int64_t count = (length - overlap + stride - 1) / stride;
  std::vector<Span1d> tiles;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t begin = (length - tile) * i / (count - 1);
    tiles.push_back({begin, begin + tile});
  }
  return tiles;
}

Tensor map_tiles(const Tensor& x, std::int64_t tile, std::int64_t overlap, int numerator,
                 int denominator, const std::function<Tensor(const Tensor&)>& function) {
  // Tiles start on multiples of the denominator, so that every tile's result falls on whole pixels.
  auto rows = tile_axis(x.size(2) / denominator, tile / denominator, overlap / denominator);
  auto columns = tile_axis(x.size(3) / denominator, tile / denominator, overlap / denominator);
  if (rows.size() == 1 && columns.size() == 1) return function(x);
  Tensor sum, total;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const Tensor part =
          x.slice(2, rows[r].begin * denominator, rows[r].end * denominator)
              .slice(3, columns[c].begin * denominator, columns[c].end * denominator);
      const Tensor result = function(part.contiguous());
      const Tensor weight = (blend_weights(rows, r, numerator).unsqueeze(1) *
                             blend_weights(columns, c, numerator).unsqueeze(0))
                                .to(result.device());
      if (!sum.defined()) {
        const auto height = x.size(2) / denominator * numerator,
                   width = x.size(3) / denominator * numerator;
        sum = torch::zeros({x.size(0), result.size(1), height, width}, result.options());
        total = torch::zeros({height, width}, result.options());
      }
      const auto place = [&](Tensor target) {
        const auto axis = target.dim() - 2;
        return target.slice(axis, rows[r].begin * numerator, rows[r].end * numerator)
            .slice(axis + 1, columns[c].begin * numerator, columns[c].end * numerator);
      };
      place(sum).add_(result * weight);
      place(total).add_(weight);
    }
  }
  return sum.div_(total);
}

}  // namespace sumi
