#include "training/optimiser.h"

#include <c10/core/GradMode.h>

#include <algorithm>

#include "core/error.h"

namespace sumi {
namespace {

std::variant<AdamW, AdamW8bit, Adafactor, Prodigy> rule_of(
    const Tensor& weights, const std::vector<ParameterSlice>& slices, const OptimiserConfig& config,
    TensorTotal total, const StateMemory& memory) {
  if (config.kind == "adamw8bit") return AdamW8bit(weights, spans_of(slices), config, memory);
  if (config.kind == "adafactor") return Adafactor(weights, slices, config);
  if (config.kind == "prodigy")
    return Prodigy(weights, spans_of(slices), config, std::move(total), memory);
  return AdamW(weights, joined_spans(slices), config, memory);
}

}  // namespace

Optimiser::Optimiser(ParameterBuffer& parameters, const OptimiserConfig& config,
                     const StateMemory& memory)
    : Optimiser(parameters.weights(), parameters.gradients(), parameters.slices(), config,
                sum_in_order, memory) {}

Optimiser::Optimiser(Tensor weights, Tensor gradients, const std::vector<ParameterSlice>& slices,
                     const OptimiserConfig& config, TensorTotal total, const StateMemory& memory)
    : weights_(std::move(weights)),
      gradients_(std::move(gradients)),
      with_muon_(config.matrices == "muon"),
      muon_(with_muon_ ? weights_ : weights_.narrow(0, 0, 0),
            with_muon_ ? matrices_of(slices) : std::vector<MatrixSlice>{}, config.momentum, memory),
      rule_(rule_of(weights_, slices, config, std::move(total), memory)) {}

void Optimiser::step(double rate, double gradient_scale) {
  muon_.step(weights_, gradients_, rate, gradient_scale);
  std::visit([&](auto& rule) { rule.step(weights_, gradients_, rate, gradient_scale); }, rule_);
}

StateDict Optimiser::tensors() const {
  StateDict tensors = std::visit([](const auto& rule) { return rule.tensors(); }, rule_);
  if (with_muon_) tensors["momentum"] = muon_.momentum();
  return tensors;
}

Json Optimiser::numbers() const {
  return std::visit([](const auto& rule) { return rule.numbers(); }, rule_);
}

void Optimiser::restore(const StateDict& tensors, const Json& numbers) {
  const c10::NoGradGuard no_grad;
  for (auto& [name, own] : this->tensors()) {
    const auto found = tensors.find(name);
    if (found == tensors.end() || found->second.sizes() != own.sizes())
      throw Error(fmt::format("the snapshot's optimiser has no fitting \"{}\"", name),
                  "it was made with another optimiser; give another output folder");
    copy_by_pieces(own, found->second);
  }
  std::visit([&](auto& rule) { rule.set_numbers(numbers); }, rule_);
}

std::int64_t Optimiser::bytes() const {
  std::int64_t sum = 0;
  for (const auto& [name, tensor] : tensors()) sum += tensor.numel() * tensor.element_size();
  return sum;
}

double ema_decay_at(double decay, std::int64_t step) {
  const auto t = static_cast<double>(step);
  return std::min(decay, (1 + t) / (10 + t));
}

void update_average(Tensor& average, const Tensor& weights, double decay) {
  piece_by_piece(average.numel(), {average, weights}, [&](std::int64_t first, std::int64_t length) {
    average.narrow(0, first, length).lerp_(weights.narrow(0, first, length), 1 - decay);
  });
}

}  // namespace sumi
