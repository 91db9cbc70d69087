#include "training/adafactor.h"

#include <c10/core/GradMode.h>

#include <cmath>

#include "training/reductions.h"
#include "training/state_memory.h"

namespace sumi {
namespace {

constexpr double kLeast = 1e-30;  // added to each square (the paper's epsilon 1)

bool is_matrix(const ParameterSlice& slice) { return slice.rows > 1 && slice.columns > 1; }

/// Numbers that a tensor's squares are remembered by.
std::int64_t kept_of(const ParameterSlice& slice) {
  return is_matrix(slice) ? slice.rows + slice.columns : slice.rows * slice.columns;
}

}  // namespace

Adafactor::Adafactor(const Tensor& weights, std::vector<ParameterSlice> slices,
                     const OptimiserConfig& config)
    : config_(config), slices_(std::move(slices)) {
  std::int64_t size = 0;
  for (const auto& slice : slices_) size += kept_of(slice);
  squares_ = at::zeros({size}, weights.options().requires_grad(false));
}

/// slope / sqrt(V), V taken over from `squares_` at `place` and brought up to date there.
Tensor Adafactor::direction(const ParameterSlice& slice, const Tensor& slope, std::int64_t place,
                            double memory) {
  const Tensor square = slope.square().add_(kLeast);
  const auto remember = [&](std::int64_t start, const Tensor& seen) {
    Tensor kept = squares_.narrow(0, start, seen.numel());
    kept.mul_(memory).add_(seen.reshape({-1}), 1 - memory);
    return kept;
  };
  if (!is_matrix(slice)) return slope * remember(place, square).view(slope.sizes()).rsqrt();
  const Tensor rows = remember(place, square.mean(1));
  const Tensor columns = remember(place + slice.rows, square.mean(0));
  const Tensor share = rows / rows.mean();
  return slope * share.rsqrt().unsqueeze(1) * columns.rsqrt().unsqueeze(0);
}

void Adafactor::step(Tensor& weights, const Tensor& gradients, double rate, double gradient_scale) {
  const c10::NoGradGuard no_grad;
  const double memory = 1 - std::pow(static_cast<double>(++steps_), -0.8);
  std::int64_t place = 0;
  std::vector<Range> parts;
  for (const auto& slice : slices_)
    parts.push_back({slice.start, slice.start + slice.rows * slice.columns});
  part_by_part(parts, {weights, gradients}, [&](std::size_t i) {
    const auto& slice = slices_[i];
    const auto own = [&](const Tensor& flat) {
      return flat.narrow(0, slice.start, slice.rows * slice.columns)
          .view({slice.rows, slice.columns});
    };
    const Tensor update = direction(slice, own(gradients) * gradient_scale, place, memory);
    const double size = norm_of(update.view({-1})) / std::sqrt(static_cast<double>(update.numel()));
    const double step = rate * slice.rate;
    Tensor moved = own(weights);
    if (slice.decays) moved.mul_(1 - step * config_.weight_decay);
    moved.add_(update, -step / std::max(1.0, size / config_.update_clip));
    place += kept_of(slice);
  });
}

}  // namespace sumi
