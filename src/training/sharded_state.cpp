#include "training/sharded_state.h"

#include <ATen/ops/_foreach_norm.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "core/error.h"
#include "training/reductions.h"

namespace sumi {

ShardedState::ShardedState(ParameterBuffer& parameters, const std::vector<Shard>& shards,
                           const TrainerConfig& config, Processes& processes,
                           const StateMemory& memory)
    : parameters_(parameters),
      config_(config),
      processes_(processes),
      shard_(shards[static_cast<std::size_t>(processes.rank())]),
      weights_(parameters.weights().narrow(0, shard_.range.first, shard_.range.size())),
      gradients_(parameters.gradients().narrow(0, shard_.range.first, shard_.range.size())),
      optimiser_(
          weights_, gradients_, shard_.slices, config.optimiser,
          [this](const std::vector<double>& own) { return total(own); }, memory) {
  if (config.ema_decay > 0) average_ = memory.copy_of(weights_);
  for (const auto& shard : shards) ranges_.push_back(shard.range);
  for (int i = 0; i < processes.rank(); ++i)
    first_tensor_ += static_cast<std::int64_t>(shards[static_cast<std::size_t>(i)].slices.size());
  if (config.profile_every > 0) profiles_.emplace(weights_, memory);
}

/// The processes' numbers side by side in the order of the shards, then added up in that order: the
/// same for any number of processes.
double ShardedState::total(const std::vector<double>& own) {
  if (processes_.count() == 1) return sum_in_order(own);
  std::vector<double> all(parameters_.slices().size());
  std::copy(own.begin(), own.end(), all.begin() + first_tensor_);
  return sum_in_order(processes_.sums(std::move(all)));
}

double ShardedState::gradient_norm() {
  const c10::NoGradGuard no_grad;
  std::vector<Range> ranges;
  for (const auto& slice : shard_.slices)
    ranges.push_back({slice.start, slice.start + slice.rows * slice.columns});
  const auto part = [&](const Range& range) {
    return gradients_.narrow(0, range.first, range.size());
  };
  std::vector<double> squares;
  if (gradients_.is_cpu() || ranges.empty()) {
    part_by_part(ranges, {gradients_},
                 [&](std::size_t i) { squares.push_back(squared_sum_of(part(ranges[i]))); });
  } else {  // one wait for the device instead of one per tensor
    std::vector<Tensor> parts;
    for (const auto& range : ranges) parts.push_back(part(range));
    const Tensor lengths = at::stack(at::_foreach_norm(parts)).to(torch::kDouble).cpu();
    const auto* length = lengths.data_ptr<double>();
    for (std::size_t i = 0; i < parts.size(); ++i) squares.push_back(length[i] * length[i]);
  }
  return std::sqrt(total(squares));
}

void ShardedState::step(double rate, double gradient_scale, std::int64_t update) {
  optimiser_.step(rate, gradient_scale);
  if (average_.defined())
    update_average(average_, weights_, ema_decay_at(config_.ema_decay, update));
  if (profiles_) profiles_->follow(weights_, update);
  processes_.share_from_owners(parameters_.weights(), ranges_);
}

/// Of the shard, under the names they have in snapshots.
StateDict ShardedState::tensors() {
  StateDict tensors;
  if (average_.defined()) tensors["average"] = average_;
  if (profiles_)
    for (std::size_t i = 0; i < PowerAverages::kWidths.size(); ++i)
      tensors[fmt::format("profile.{}", i)] = profiles_->averages()[i];
  for (const auto& [name, tensor] : optimiser_.tensors()) tensors["optimiser." + name] = tensor;
  return tensors;
}

StateDict ShardedState::gathered() {
  StateDict whole;
  for (const auto& [name, own] : tensors())
    if (const Tensor joined = processes_.joined_at_first(own.cpu()); joined.defined())
      whole[name] = joined;
  if (processes_.first()) whole["weights"] = parameters_.weights().cpu();
  return whole;
}

void ShardedState::restore(const StateDict& kept, const Json& numbers,
                           const std::filesystem::path& where) {
  const c10::NoGradGuard no_grad;
  const auto whole = [&](const std::string& name, std::int64_t length) {
    processes_.at_first([&] {
      const auto found = kept.find(name);
      if (found == kept.end())
        throw Error(fmt::format("{}: the snapshot has no \"{}\"", where.string(), name),
                    "trainer.profile_every and ema_decay cannot be switched on in the middle of a "
                    "run");
      if (found->second.numel() != length)
        throw Error(fmt::format("{}: the snapshot's \"{}\" has another size", where.string(), name),
                    "give another output folder, or remove that one to start anew");
    });
    return processes_.from_first(processes_.first() ? kept.at(name) : Tensor());
  };
  copy_by_pieces(parameters_.weights(), whole("weights", parameters_.size()));
  StateDict moments;
  for (auto& [name, own] : tensors()) {
    const auto share = processes_.share_of(own.numel());
    const Tensor part = whole(name, share.total).narrow(0, share.first, own.numel());
    if (name.starts_with("optimiser."))
      moments[name.substr(10)] = part;
    else
      copy_by_pieces(own, part);
  }
  optimiser_.restore(moments, numbers);
}

void ShardedState::store_profiles(const std::filesystem::path& folder, std::int64_t samples,
                                  std::int64_t updates) {
  if (!profiles_) return;
  std::array<Tensor, PowerAverages::kWidths.size()> whole;
  for (std::size_t i = 0; i < whole.size(); ++i)
    whole[i] = processes_.joined_at_first(profiles_->averages()[i].cpu());
  processes_.at_first([&] { store_averages(folder, samples, updates, whole); });
}

std::int64_t ShardedState::average_bytes() const {
  const auto averages = (average_.defined() ? 1 : 0) +
                        (profiles_ ? static_cast<std::int64_t>(PowerAverages::kWidths.size()) : 0);
  return averages * weights_.numel() * weights_.element_size();
}

}  // namespace sumi
