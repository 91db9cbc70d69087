#pragma once

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "toy_task.h"
#include "training/snapshots.h"

namespace sumi {

/// A network of five tensors that learns from a stream in which every seventh sample is damaged
/// where `damaged` says so.
inline Task wide_task(bool damaged = false, std::uint64_t most_damaged = 1u << 20) {
  struct Net {
    std::vector<Tensor> tensors = {at::zeros({6, 5}), at::zeros({6}), at::zeros({6, 6}),
                                   at::zeros({6}), at::zeros({3, 6})};
  };
  const auto net = std::make_shared<Net>();
  for (std::size_t i = 0; i < net->tensors.size(); ++i)
    net->tensors[i] =
        0.3 * at::randn(net->tensors[i].sizes(), generator_of(i), torch::TensorOptions());
  const auto loss_of = [net](const Tensor& x) {
    const auto& t = net->tensors;
    const Tensor hidden = at::tanh(at::linear(x, t[0], t[1]));
    const Tensor made = at::matmul(at::tanh(at::linear(hidden, t[2], t[3])), t[4].t());
    return (made - x.narrow(1, 0, 3).square()).square().mean();
  };
  Task task;
  task.name = "wide";
  const char* names[] = {"first.weight", "first.bias", "second.weight", "second.bias",
                         "last.weight"};
  for (std::size_t i = 0; i < net->tensors.size(); ++i)
    task.parameters.emplace_back(names[i], &net->tensors[i]);
  task.rates = {{"first.", 0.5}};
  task.loss = [=](const Draw& draw) {
    Damage damage;
    std::vector<Tensor> rows;
    auto at = static_cast<std::uint64_t>(draw.first) + draw.damaged;
    for (; rows.size() < static_cast<std::size_t>(draw.count); ++at) {
      if (damaged && mix_seed(3, at) % 7 == 0) {
        damage.add({1, {fmt::format("sample {}: torn", at)}});
        if (draw.damaged + damage.count > most_damaged)
          throw Error(fmt::format("too many are damaged, the last: {}", at), "mend them");
      } else {
        rows.push_back(at::randn({5}, generator_of(mix_seed(9, at)), torch::TensorOptions()));
      }
    }
    Tensor loss = loss_of(at::stack(rows));
    const auto value = loss.item<double>();
    return Loss{loss, {{"part", at::scalar_tensor(value + 1, torch::kDouble)}}, std::move(damage)};
  };
  task.validation_loss = [=] {
    return ValidationLoss{
        loss_of(at::randn({64, 5}, generator_of(1), torch::TensorOptions())).item<double>()};
  };
  task.write_result = [net](const std::filesystem::path& output) {
    StateDict state;
    for (std::size_t i = 0; i < net->tensors.size(); ++i)
      state[std::to_string(i)] = net->tensors[i].detach().clone();
    save_state_dict(output / "model.safetensors", state);
  };
  return task;
}

inline TrainerConfig wide_config() {
  TrainerConfig config = toy_config();
  config.samples = 320;
  config.batch_size = 2;
  config.accumulation = 8;
  config.save_every = 64;
  config.validate_every = 160;
  config.log_every = 32;
  return config;
}

/// What a run leaves: results, log, and the last snapshot with all of its state.
inline std::string left_by(const std::filesystem::path& output) {
  std::string all = result_bytes(output);
  std::vector<std::filesystem::path> snapshots;
  for (const auto& entry : std::filesystem::directory_iterator(output / "snapshots"))
    snapshots.push_back(entry.path());
  std::sort(snapshots.begin(), snapshots.end());
  for (const auto& snapshot : snapshots)
    for (const char* file : {"state.json", "tensors.safetensors", "log.jsonl"})
      all += snapshot.filename().string() + file_checksum(snapshot / file);
  return all;
}

}  // namespace sumi
