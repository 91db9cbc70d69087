#include "training/gradient_sum.h"

#include <c10/core/GradMode.h>

#include <numeric>

#include "core/error.h"
#include "nn/bf16_products.h"
#include "training/randomness.h"

namespace sumi {
namespace {

/// How often the sum of one of `processes` blocks is still to be cut: what the blocks themselves
/// are is cut already.
int halvings_within(int processes, int most) {
  int halvings = most;
  for (; processes % 2 == 0 && halvings > 0; processes /= 2) --halvings;
  return processes == 1 ? halvings : 0;
}

/// Whether the sum of `count` batches is that of its halves.
bool is_cut(int count, int halvings) { return count > 2 && count % 2 == 0 && halvings > 0; }

}  // namespace

GradientSum::GradientSum(const Task& task, const TrainerConfig& config,
                         const std::vector<Learner*>& learners, Processes& processes,
                         const StateMemory& memory)
    : task_(task),
      config_(config),
      processes_(processes),
      own_count_(config.accumulation / processes.count()) {
  for (auto* learner : learners) {
    Part part{learner->parameters.gradients(), {}, {}};
    for (const auto& shard : learner->shards) part.ranges.push_back(shard.range);
    const auto halvings = halvings_within(processes.count(), kHalvings);
    for (std::uint64_t i = 0; i < waiting(config.accumulation, processes.count()); ++i)
      part.halves[static_cast<std::size_t>(halvings - 1) - i] =
          memory.zeros(part.gradients.numel(), part.gradients.options());
    parts_.push_back(std::move(part));
  }
}

std::uint64_t GradientSum::waiting(int accumulation, int processes) {
  std::uint64_t sums = 0;
  int halvings = halvings_within(processes, kHalvings);
  for (int count = accumulation / processes; is_cut(count, halvings); count /= 2, --halvings)
    ++sums;
  return sums;
}

void GradientSum::clear() {
  for (auto& part : parts_) part.gradients.zero_();
}

/// One batch's gradients on top of those that are there.
void GradientSum::add(int batch, Block& block) {
  const std::int64_t size = config_.batch_size, first = block.first + batch * size;
  Draw draw;
  draw.first = first;
  draw.count = config_.batch_size;
  draw.seed = mix_seed(block.seed, static_cast<std::uint64_t>(first));
  draw.damaged = block.damaged + block.damage.count;
  draw.share = {own_count_ * size, config_.accumulation * size,
                (batch - processes_.rank() * own_count_) * size};
  Loss loss = task_.loss(draw);
  block.damage.add(loss.damage);
  (loss.total / config_.accumulation).backward();
  block.totals.push_back(loss.total.detach());
  block.last_parts = std::move(loss.parts);
}

/// All numbers in one go: a GPU is waited for once per update, not once per batch and part.
void GradientSum::read_losses(Block& block) {
  std::vector<Tensor> scalars = std::move(block.totals);
  const std::size_t batches = scalars.size();
  for (const auto& [name, scalar] : block.last_parts) scalars.push_back(scalar);
  for (auto& scalar : scalars) scalar = scalar.to(torch::kDouble).reshape({});
  const Tensor read = at::stack(scalars).cpu();
  const auto* values = read.data_ptr<double>();
  block.losses.assign(values, values + batches);
  for (std::size_t i = 0; i < block.last_parts.size(); ++i)
    block.parts.emplace_back(block.last_parts[i].first, values[batches + i]);
}

/// The gradients of `count` batches from `batch` on, and of nothing else.
void GradientSum::sum(int batch, int count, int halvings, Block& block) {
  if (!is_cut(count, halvings)) {
    clear();
    for (int i = 0; i < count; ++i) add(batch + i, block);
    return;
  }
  sum(batch, count / 2, halvings - 1, block);
  const auto level = static_cast<std::size_t>(halvings - 1);
  for (auto& part : parts_) copy_by_pieces(part.halves[level], part.gradients);
  sum(batch + count / 2, count / 2, halvings - 1, block);
  for (auto& part : parts_)
    piece_by_piece(
        part.gradients.numel(), {part.gradients, part.halves[level]},
        [&](std::int64_t from, std::int64_t length) {
          part.gradients.narrow(0, from, length).add_(part.halves[level].narrow(0, from, length));
        });
}

GradientSum::Block GradientSum::computed(std::int64_t first, std::uint64_t damaged,
                                         std::uint64_t seed) {
  Block block;
  block.first = first;
  block.damaged = damaged;
  block.seed = seed;
  const auto compute = [&] {
    const Bf16Products products(config_.precision == "bf16");
    sum(processes_.rank() * own_count_, own_count_, halvings_within(processes_.count(), kHalvings),
        block);
    read_losses(block);
  };
  if (processes_.count() == 1) {
    compute();
    return block;
  }
  try {
    compute();
  } catch (const Error& error) {
    block.error = error;
  }
  return block;
}

/// Brings the blocks of all processes to what they would be in one: a process starts as if no
/// sample of this update was damaged before its block; where that was wrong, it computes again.
/// Returns the losses of all batches. `damaged` samples come before the update.
std::vector<double> GradientSum::settled(Block& block, std::uint64_t damaged) {
  if (processes_.count() == 1) return block.losses;
  const auto count = static_cast<std::size_t>(processes_.count());
  const auto rank = static_cast<std::size_t>(processes_.rank());
  const auto own = static_cast<std::size_t>(own_count_);
  for (;;) {
    block.losses.resize(own);
    std::vector<double> told(count * (3 + own));
    double* mine = &told[rank * (3 + own)];
    mine[0] = static_cast<double>(block.damaged);
    mine[1] = static_cast<double>(block.damage.count);
    mine[2] = block.error ? 1 : 0;
    std::copy(block.losses.begin(), block.losses.end(), mine + 3);
    told = processes_.sums(std::move(told));
    std::vector<double> losses;
    std::uint64_t before = damaged, before_own = damaged;
    bool right = true;
    for (std::size_t i = 0; i < count; ++i) {
      const double* its = &told[i * (3 + own)];
      if (i == rank) before_own = before;
      right = right && static_cast<std::uint64_t>(its[0]) == before;
      if (right && its[2] > 0)
        processes_.throw_of(static_cast<int>(i), block.error ? block.error->what() : "",
                            block.error ? block.error->hint() : "");
      before += static_cast<std::uint64_t>(its[1]);
      losses.insert(losses.end(), its + 3, its + 3 + own);
    }
    if (right) return losses;
    if (block.damaged != before_own) block = computed(block.first, before_own, block.seed);
  }
}

UpdateLoss GradientSum::joined(Block&& block, const std::vector<double>& losses) {
  UpdateLoss update;
  update.mean = std::accumulate(losses.begin(), losses.end(), 0.0) / config_.accumulation;
  update.parts = std::move(block.parts);
  if (processes_.count() == 1) {
    update.damage = std::move(block.damage);
    return update;
  }
  const bool last = processes_.rank() + 1 == processes_.count();
  std::vector<double> values = {static_cast<double>(block.damage.count)};
  for (const auto& part : update.parts) values.push_back(last ? part.second : 0);
  values = processes_.sums(std::move(values));
  for (std::size_t i = 0; i < update.parts.size(); ++i) update.parts[i].second = values[1 + i];
  if (values[0] == 0) return update;
  for (int i = 0; i < processes_.count(); ++i) {
    Damage damage;
    from_json(parse_json(processes_.text_of(i, to_json(block.damage).dump()), "damage"), damage,
              "damage");
    update.damage.add(damage);
  }
  return update;
}

void GradientSum::try_batch(int count, std::int64_t first, std::uint64_t damaged) {
  const Bf16Products products(config_.precision == "bf16");
  Draw draw;
  draw.first = first;
  draw.count = count;
  draw.damaged = damaged;
  task_.loss(draw).total.backward();
  clear();
}

UpdateLoss GradientSum::add_up(std::int64_t first, std::uint64_t damaged, std::uint64_t seed) {
  Block block = computed(first, damaged, seed);
  const auto losses = settled(block, damaged);
  for (auto& part : parts_) processes_.add_to_owners(part.gradients, part.ranges);
  return joined(std::move(block), losses);
}

}  // namespace sumi
