#include "training/power_average.h"

#include <ATen/ops/linalg_solve.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "training/export.h"
#include "training/optimiser.h"
#include "weights/state_dict.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

/// The integral of two profiles' product over time in closed form: each is (gamma + 1) t^gamma /
/// time^(gamma + 1) up to its own time.
double overlap(const StoredProfile& a, const StoredProfile& b) {
  const StoredProfile &early = a.time < b.time ? a : b, &late = a.time < b.time ? b : a;
  return (a.gamma + 1) * (b.gamma + 1) / (a.gamma + b.gamma + 1) *
         std::pow(early.time / late.time, late.gamma) / late.time;
}

/// The files of a folder, oldest first, up to `samples`.
std::vector<fs::path> files_until(const fs::path& folder, std::int64_t samples) {
  std::vector<fs::path> files;
  if (fs::is_directory(folder))
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.path().extension() == ".safetensors" &&
          entry.path().stem().string() <= fmt::format("{:012}", samples))
        files.push_back(entry);
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

double power_of(double sigma_rel) {
  // The right side falls from gamma = 0 on, so that halving finds the root.
  double low = 0, high = 1e6;
  for (int i = 0; i < 200; ++i) {
    const double gamma = (low + high) / 2;
    const double width = std::sqrt((gamma + 1) / (gamma + 3)) / (gamma + 2);
    (width > sigma_rel ? low : high) = gamma;
  }
  return low;
}

std::vector<double> profile_weights(std::span<const StoredProfile> stored, StoredProfile wanted) {
  const auto n = static_cast<std::int64_t>(stored.size());
  Tensor products = at::zeros({n, n}, torch::dtype(torch::kDouble));
  Tensor goals = at::zeros({n}, torch::dtype(torch::kDouble));
  auto products_at = products.accessor<double, 2>();
  for (std::int64_t i = 0; i < n; ++i) {
    const auto& a = stored[static_cast<std::size_t>(i)];
    goals[i] = overlap(a, wanted);
    for (std::int64_t j = 0; j < n; ++j)
      products_at[i][j] = overlap(a, stored[static_cast<std::size_t>(j)]);
  }
  const Tensor solved = at::linalg_solve(products, goals).contiguous();
  return {solved.data_ptr<double>(), solved.data_ptr<double>() + n};
}

PowerAverages::PowerAverages(const Tensor& weights, const StateMemory& memory) {
  for (auto& average : averages_) average = memory.copy_of(weights);
}

void PowerAverages::follow(const Tensor& weights, std::int64_t update) {
  const c10::NoGradGuard no_grad;
  for (std::size_t i = 0; i < averages_.size(); ++i) {
    const double kept = std::pow(1 - 1 / static_cast<double>(update), power_of(kWidths[i]) + 1);
    update_average(averages_[i], weights, kept);
  }
}

void PowerAverages::store(const fs::path& folder, std::int64_t samples, std::int64_t update) const {
  store_averages(folder, samples, update, averages_);
}

void store_averages(const fs::path& folder, std::int64_t samples, std::int64_t update,
                    const std::array<Tensor, 2>& averages) {
  make_folder(folder);
  StateDict state = {{"update", at::full({1}, update, torch::dtype(torch::kLong))}};
  for (std::size_t i = 0; i < averages.size(); ++i)
    state[fmt::format("average.{:.2f}", PowerAverages::kWidths[i])] = averages[i].cpu();
  save_state_dict(folder / fmt::format("{:012}.safetensors", samples), state);
}

Tensor reconstructed_average(const fs::path& folder, std::int64_t samples, double sigma_rel) {
  const auto files = files_until(folder, samples);
  if (files.empty())
    throw Error(fmt::format("{}: no averages were stored there", folder.string()),
                "train with trainer.profile_every");
  std::vector<StoredProfile> stored;
  for (const auto& file : files)
    for (const double width : PowerAverages::kWidths)
      stored.push_back(
          {load_state_dict(file).at("update").to(torch::kDouble).item<double>(), power_of(width)});
  const auto weights = profile_weights(stored, {stored.back().time, power_of(sigma_rel)});
  std::vector<Tensor> averages;
  for (const auto& file : files) {
    const StateDict state = load_state_dict(file);
    for (const double width : PowerAverages::kWidths)
      averages.push_back(state.at(fmt::format("average.{:.2f}", width)));
  }
  Tensor sum = at::empty({averages.front().numel()}, torch::dtype(torch::kFloat));
  piece_by_piece(sum.numel(), averages, [&](std::int64_t first, std::int64_t length) {
    Tensor exact = at::zeros({length}, torch::dtype(torch::kDouble));
    for (std::size_t i = 0; i < averages.size(); ++i)
      exact.add_(averages[i].narrow(0, first, length).to(torch::kDouble) * weights[i]);
    sum.narrow(0, first, length).copy_(exact);
  });
  return sum;
}

}  // namespace sumi
