#pragma once

#include <memory>
#include <vector>

#include "toy_task.h"
#include "training/adversarial.h"

namespace sumi {

/// Numbers that learn to look like others to a discriminator of four tensors: a task with an
/// adversary in milliseconds. The adversary joins after 96 samples.
inline Task duel_task() {
  struct Duel {
    Tensor shift = at::zeros({5});
    std::vector<Tensor> judge = {at::zeros({6, 5}), at::zeros({6}), at::zeros({1, 6}),
                                 at::zeros({1})};
    Tensor scores(const Tensor& x) const {
      return at::linear(at::tanh(at::linear(x, judge[0], judge[1])), judge[2], judge[3]);
    }
    Tensor scores_of_the_fixed(const Tensor& x) const {
      const auto fixed = [&](std::size_t i) { return judge[i].detach(); };
      return at::linear(at::tanh(at::linear(x, fixed(0), fixed(1))), fixed(2), fixed(3));
    }
  };
  const auto duel = std::make_shared<Duel>();
  for (std::size_t i = 0; i < duel->judge.size(); ++i)
    duel->judge[i] =
        0.3 * at::randn(duel->judge[i].sizes(), generator_of(i), torch::TensorOptions());
  Task task;
  task.name = "duel";
  task.parameters = {{"shift", &duel->shift}};
  task.adversary.emplace();
  const char* names[] = {"first.weight", "first.bias", "last.weight", "last.bias"};
  for (std::size_t i = 0; i < duel->judge.size(); ++i)
    task.adversary->parameters.emplace_back(names[i], &duel->judge[i]);
  task.adversary->learning_rate.peak = 0.02;
  task.adversary->learning_rate.warmup_samples = 0;
  task.loss = [=](const Draw& draw) {
    const auto noise = [&](std::uint64_t kind) {
      return at::randn({draw.count, 5}, generator_of(mix_seed(draw.seed, kind)),
                       torch::TensorOptions());
    };
    const Tensor made = noise(1) + duel->shift, real = noise(2) + 0.7;
    Loss loss{0.01 * duel->shift.square().sum(), {{"discriminator", at::zeros({})}}};
    if (draw.first < 96) return loss;
    const Tensor judged = hinge_loss(duel->scores(real), duel->scores(made.detach()));
    loss.parts[0].second = judged.detach();
    loss.total = loss.total - duel->scores_of_the_fixed(made).mean() + judged;
    return loss;
  };
  task.write_result = [duel](const std::filesystem::path& output) {
    save_state_dict(output / "model.safetensors", {{"shift", duel->shift.detach().clone()}});
  };
  return task;
}

}  // namespace sumi
