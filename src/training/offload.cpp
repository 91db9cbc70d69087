#include "training/offload.h"

#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "training/adamw8bit.h"
#include "training/export.h"
#include "training/gradient_sum.h"
#include "training/power_average.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kFloat = sizeof(float);
/// Each tensor starts at a page; so much do their ends leave unused at most.
constexpr std::uint64_t kUnused = 64 << 10;

std::string gigabytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9);
}

/// Bytes for each weight of the moments that can lie on disk.
std::uint64_t moment_bytes(const OptimiserConfig& config) {
  std::uint64_t bytes = 2 * kFloat;
  if (config.kind == "adamw8bit") bytes = 2;
  if (config.kind == "adafactor") bytes = 0;
  if (config.kind == "prodigy") bytes = 4 * kFloat;
  return bytes + (config.matrices == "muon" ? kFloat : 0);
}

/// What of one tensor's moments is small and stays in memory.
std::uint64_t kept_bytes(const Tensor& tensor, std::int64_t stored, const OptimiserConfig& config) {
  const auto numbers = [&]() -> std::int64_t {
    if (config.kind == "adamw8bit")
      return 2 * ((stored + AdamW8bit::kBlock - 1) / AdamW8bit::kBlock);
    if (config.kind != "adafactor") return 0;
    const std::int64_t rows = tensor.dim() >= 2 ? tensor.size(0) : 1;
    const std::int64_t columns = tensor.numel() / std::max<std::int64_t>(rows, 1);
    return rows > 1 && columns > 1 ? rows + columns : tensor.numel();
  }();
  return static_cast<std::uint64_t>(numbers) * kFloat;
}

/// The settings that would take less, for an Error's hint.
std::string less_of(const StateBytes& state, const TrainerConfig& config) {
  std::string less =
      "optimiser.kind \"adafactor\" or \"adamw8bit\" and an ema_decay of 0 take less";
  const auto tell = [&](const char* offload) {
    less = fmt::format("\"trainer\": {{\"offload\": \"{}\"}} keeps {} of it on disk; {}", offload,
                       gigabytes(state.on_disk(offload)), less);
  };
  if (config.offload != "all") tell("all");
  if (config.offload == "none") tell("optimiser");
  return less;
}

}  // namespace

std::uint64_t StateBytes::on_disk(const std::string& offload) const {
  if (offload == "none") return 0;
  const auto state = moments + averages + waiting;
  return offload == "all" ? state + weights + gradients : state;
}

StateBytes& StateBytes::operator+=(const StateBytes& other) {
  weights += other.weights;
  gradients += other.gradients;
  moments += other.moments;
  kept += other.kept;
  averages += other.averages;
  waiting += other.waiting;
  return *this;
}

StateBytes state_bytes(const std::vector<NamedSlot>& slots, const TrainerConfig& config,
                       int processes) {
  std::uint64_t whole = 0, largest = 0;
  StateBytes bytes;
  for (const auto& [name, tensor] : slots) {
    const auto stored = static_cast<std::uint64_t>(stored_length(*tensor));
    whole += stored;
    largest = std::max(largest, stored);
    bytes.kept += kept_bytes(*tensor, stored_length(*tensor), config.optimiser);
  }
  const auto count = static_cast<std::uint64_t>(processes);
  const std::uint64_t own = processes == 1 ? whole : std::min(whole, whole / count + largest);
  const std::uint64_t averages = (config.ema_decay > 0 ? 1 : 0) +
                                 (config.profile_every > 0 ? PowerAverages::kWidths.size() : 0);
  bytes.weights = bytes.gradients = whole * kFloat;
  bytes.moments = own * moment_bytes(config.optimiser);
  bytes.averages = averages * own * kFloat;
  bytes.waiting = GradientSum::waiting(config.accumulation, processes) * whole * kFloat;
  return bytes;
}

void require_state_fits(const StateBytes& state, const TrainerConfig& config,
                        std::uint64_t available) {
  const auto needed = state.all() - state.on_disk(config.offload);
  if (available == 0 || needed <= available) return;
  throw Error(
      fmt::format("the training's state takes {} of memory (weights and gradients {}, optimiser "
                  "and averages {}{}), and {} are available",
                  gigabytes(needed), gigabytes(state.weights + state.gradients),
                  gigabytes(state.all() - state.weights - state.gradients),
                  config.offload == "none" ? ""
                                           : fmt::format(", {} of all on disk",
                                                         gigabytes(state.on_disk(config.offload))),
                  gigabytes(available)),
      less_of(state, config));
}

Offload offload_of(const StateBytes& state, const TrainerConfig& config, const fs::path& output) {
  if (config.offload == "none") return {};
  const auto bytes = state.on_disk(config.offload);
  if (bytes == 0)
    throw Error(fmt::format("trainer.offload: with {}, an ema_decay of 0 and this accumulation "
                            "nothing is kept that \"{}\" could put on disk",
                            config.optimiser.kind, config.offload),
                "leave it out, or use \"all\" to put weights and gradients there");
  const fs::path folder = output / config.offload_folder;
  if (config.offload_folder.empty()) make_folder(output);
  if (lies_in_memory(folder))
    spdlog::warn("{}: files there lie in memory, so that trainer.offload saves none",
                 folder.string());
  const auto memory = StateMemory::on_disk(folder, bytes + kUnused);
  return {config.offload == "all" ? memory : StateMemory(), memory};
}

}  // namespace sumi
