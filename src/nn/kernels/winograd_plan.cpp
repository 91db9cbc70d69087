#include "nn/kernels/winograd_plan.h"

#include <limits>

namespace sumi {
namespace {

WinogradPlan plan_of(const ImageSize& size, int tile, std::int64_t down, std::int64_t across,
                     std::int64_t most, int threads) {
  WinogradPlan p = {
      divided(size.height, tile), divided(size.width, tile), down, across, 1, 0, 0, 0};
  p.patches_down = divided(p.rows, down);
  p.patches_across = divided(p.columns, across);
  p.patches = size.batch * p.patches_down * p.patches_across;
  if (p.patches == size.batch)
    p.together = std::clamp<std::int64_t>(most / (down * across), 1, divided(size.batch, threads));
  return p;
}

/// Time of a plan in products of one tile. A patch reads pixels around it, and a block all weights.
double cost_of(const WinogradPlan& plan, int tile, int threads) {
  constexpr double kPixel = 0.003, kWeights = 8;
  const double pixels = static_cast<double>((plan.down * tile + 2) * (plan.across * tile + 2));
  const double block = static_cast<double>(divided(plan.tiles(), 6) * 6) + kWeights +
                       kPixel * pixels * static_cast<double>(plan.together);
  return block * static_cast<double>(divided(plan.blocks(), threads));
}

/// Few tiles where the weights stay near the processor, so that what a thread works on stays nearer
/// still; where they come from memory, so many that reading them for each block does not count.
std::int64_t most_tiles(std::int64_t weight_bytes) {
  constexpr std::int64_t kNear = 20 << 20, kFew = 48, kMany = 128;
  return weight_bytes <= kNear ? kFew : kMany;
}

}  // namespace

WinogradPlan winograd_plan(const ImageSize& size, int tile, std::int64_t weight_bytes,
                           int threads) {
  const auto rows = divided(size.height, tile), columns = divided(size.width, tile);
  const auto most = most_tiles(weight_bytes);
  WinogradPlan best = {};
  double least = std::numeric_limits<double>::infinity();
  for (std::int64_t down = 1; down <= std::min(rows, most); ++down)
    for (std::int64_t across = 1; across <= std::min(columns, most / down); ++across) {
      const auto plan = plan_of(size, tile, down, across, most, threads);
      const auto cost = cost_of(plan, tile, threads);
      if (cost < least) least = cost, best = plan;
    }
  return best;
}

}  // namespace sumi
