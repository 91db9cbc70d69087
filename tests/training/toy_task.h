#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <memory>
#include <string>

#include "core/files.h"
#include "training/randomness.h"
#include "training/task.h"
#include "training/trainer.h"
#include "weights/state_dict.h"

namespace sumi {

/// A linear map learned from noisy examples: a whole training in milliseconds.
inline Task toy_task() {
  struct Toy {
    Tensor matrix = at::zeros({3, 5}), bias = at::zeros({3});
    Tensor truth = at::randn({3, 5}, generator_of(7), torch::TensorOptions());
  };
  const auto toy = std::make_shared<Toy>();
  const auto loss_of = [toy](std::uint64_t seed, int count) {
    const Tensor x = at::randn({count, 5}, generator_of(seed), torch::TensorOptions());
    const Tensor noise =
        0.01 * at::randn({count, 3}, generator_of(mix_seed(seed, 1)), torch::TensorOptions());
    const Tensor wanted = at::matmul(x, toy->truth.t()) + noise + 0.5;
    return (at::matmul(x, toy->matrix.t()) + toy->bias - wanted).square().mean();
  };
  Task task;
  task.name = "toy";
  task.parameters = {{"matrix", &toy->matrix}, {"bias", &toy->bias}};
  task.loss = [=](const Draw& draw) {
    return Loss{loss_of(mix_seed(draw.seed, static_cast<std::uint64_t>(draw.first)), draw.count),
                {}};
  };
  task.validation_loss = [=] { return ValidationLoss{loss_of(1, 64).item<double>()}; };
  task.write_result = [toy](const std::filesystem::path& output) {
    save_state_dict(output / "model.safetensors", {{"matrix", toy->matrix.detach().clone()},
                                                   {"bias", toy->bias.detach().clone()}});
  };
  return task;
}

/// The same beside a target that follows it, as distillation has one: what `kept` holds decides
/// where the weights go.
inline Task toy_task_with_target() {
  Task task = toy_task();
  task.name = "toy with a target";
  const Tensor* matrix = task.parameters.front().second;
  const auto target = std::make_shared<Tensor>(at::zeros({3, 5}));
  task.loss = [=, plain = std::move(task.loss)](const Draw& draw) {
    Loss loss = plain(draw);
    loss.total = loss.total + (*matrix - *target).square().mean();
    return loss;
  };
  task.kept = {{"target", target.get()}};
  task.after_update = [=](std::int64_t) { target->lerp_(matrix->detach(), 0.02); };
  return task;
}

inline TrainerConfig toy_config() {
  TrainerConfig config;
  config.samples = 1600;
  config.batch_size = 4;
  config.accumulation = 2;
  config.learning_rate.peak = 0.05;
  config.learning_rate.warmup_samples = 80;
  config.ema_decay = 0.9;
  config.log_every = 160;
  config.validate_every = 400;
  config.save_every = 80;
  return config;
}

/// What a finished run leaves that must not depend on interruptions.
inline std::string result_bytes(const std::filesystem::path& output) {
  return read_text_file(output / "model.safetensors") + read_text_file(output / "log.jsonl") +
         read_text_file(output / "loss.svg") + read_text_file(output / "loss.png");
}

}  // namespace sumi
