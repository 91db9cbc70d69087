// trainer.precision bf16 against fp32.
#include <gmock/gmock.h>

#include "core/error.h"
#include "nn/bf16_products.h"
#include "nn/layers.h"
#include "nn/recompute.h"
#include "toy_task.h"
#include "training/run_log.h"

namespace sumi {
namespace {

using testing::HasSubstr;

Tensor noise(at::IntArrayRef shape, std::uint64_t seed) {
  return at::randn(shape, generator_of(seed), torch::TensorOptions());
}

double relative(const Tensor& a, const Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

class Net : public Module {
 public:
  Net()
      : conv_(add("conv", Conv2d(3, 8))),
        norm_(add("norm", GroupNorm(4, 8, 1e-5))),
        last_(add("last", Linear(8, 3))) {}
  Tensor forward(const Tensor& x) const {
    const Tensor hidden = conv_.forward(x);  // added again: the norm takes the colour's level away
    return last_.forward((hidden + norm_.forward_silu(hidden)).mean({2, 3}));
  }

 private:
  Conv2d conv_;
  GroupNorm norm_;
  Linear last_;
};

/// A small network learns the colours' squared means.
Task net_task() {
  const auto net = std::make_shared<Net>();
  initialise(*net, 3);
  const auto loss_of = [net](std::uint64_t seed, int count) {
    const Tensor colour = at::rand({count, 3, 1, 1}, generator_of(seed), torch::TensorOptions());
    const Tensor x = colour + 0.1 * noise({count, 3, 8, 8}, mix_seed(seed, 1));
    return (net->forward(x) - colour.flatten(1).square()).square().mean();
  };
  Task task;
  task.name = "net";
  task.parameters = net->parameters();
  task.loss = [=](const Draw& draw) { return Loss{loss_of(draw.seed, draw.count), {}}; };
  task.validation_loss = [=] { return ValidationLoss{loss_of(1, 64).item<double>()}; };
  task.write_result = [net](const std::filesystem::path& output) {
    StateDict state;
    for (const auto& [name, tensor] : net->parameters()) state[name] = tensor->detach().clone();
    save_state_dict(output / "model.safetensors", state);
  };
  return task;
}

TrainerConfig config_of(const std::string& precision) {
  TrainerConfig config = toy_config();
  config.batch_size = 16;
  config.samples = 3200;
  config.learning_rate.peak = 0.02;
  config.log_every = 160;
  config.validate_every = 400;
  config.precision = precision;
  return config;
}

std::vector<double> validation_losses(const std::filesystem::path& output) {
  RunLog log;
  log.restore(read_text_file(output / "log.jsonl"));
  std::vector<double> losses;
  for (const auto& line : log.lines())
    if (line.contains("validation_loss")) losses.push_back(line.at("validation_loss"));
  return losses;
}

TEST(Bf16Products, RoundProductsAndLeaveWeightsAndGradientsInFloat) {
  Net net;
  initialise(net, 1);
  for (const auto& [name, tensor] : net.parameters()) tensor->requires_grad_(true);
  const Tensor x = noise({4, 3, 8, 8}, 2);
  const auto run = [&](bool on) {
    for (const auto& [name, tensor] : net.parameters()) tensor->mutable_grad() = Tensor();
    const Bf16Products products(on);
    const Tensor made = net.forward(x);
    made.square().sum().backward();
    std::vector<Tensor> all = {made.detach()};
    for (const auto& [name, tensor] : net.parameters()) all.push_back(tensor->grad().clone());
    return all;
  };
  const auto exact = run(false), rounded = run(true), again = run(true);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    EXPECT_EQ(rounded[i].scalar_type(), torch::kFloat);
    EXPECT_LT(relative(rounded[i], exact[i]), 0.03) << i;
    EXPECT_TRUE(rounded[i].equal(again[i])) << i;
  }
  EXPECT_GT(relative(rounded[0], exact[0]), 1e-5);
  EXPECT_FALSE(Bf16Products::are_on());

  const c10::NoGradGuard no_grad;
  const Tensor outside = net.forward(x);
  const Bf16Products products(true);
  EXPECT_TRUE(net.forward(x).equal(outside));
}

TEST(Bf16Products, AreTheSameWhenAPartIsComputedTwice) {
  Linear linear(16, 16);
  initialise(linear, 1);
  for (const auto& [name, tensor] : linear.parameters()) tensor->requires_grad_(true);
  const Tensor x = noise({4, 16}, 2).requires_grad_(true);
  const auto gradient = [&](bool twice) {
    Tensor& weight = *linear.parameters()[0].second;
    weight.mutable_grad() = Tensor();
    Tensor made;
    {
      const Bf16Products products(true);
      const TensorFunction part = [&](const std::vector<Tensor>& in) {
        return std::vector<Tensor>{linear.forward(at::tanh(linear.forward(in[0])))};
      };
      made = (twice ? recomputed(part, {x}) : part({x}))[0];
    }
    made.square().sum().backward();  // outside, as in another thread
    return weight.grad().clone();
  };
  EXPECT_TRUE(gradient(true).equal(gradient(false)));
}

TEST(Precision, Bf16LearnsLikeFp32) {
  const TemporaryDirectory exact, rounded;
  Task first = net_task(), second = net_task();
  run_training(first, config_of("fp32"), exact.path(), {});
  run_training(second, config_of("bf16"), rounded.path(), {});
  const auto a = validation_losses(exact.path()), b = validation_losses(rounded.path());
  ASSERT_EQ(a.size(), b.size());
  ASSERT_GT(a.size(), 5u);
  EXPECT_LT(a.back(), 0.2 * net_task().validation_loss().value);  // of one that learned nothing
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(b[i], a[i], 0.05 * a.front()) << i;
  EXPECT_NE(read_text_file(exact.path() / "model.safetensors"),
            read_text_file(rounded.path() / "model.safetensors"));
}

TEST(Precision, Bf16ResumesWithTheSameBytes) {
  const TemporaryDirectory straight, pieces;
  Task whole = net_task();
  run_training(whole, config_of("bf16"), straight.path(), {});
  for (const std::int64_t stop : {160, 992, 2400}) {
    Task task = net_task();
    Runtime runtime;
    EXPECT_THROW(run_training(task, config_of("bf16"), pieces.path(), runtime,
                              [&](const ProgressState& state) {
                                if (state.done >= stop) runtime.cancel.request();
                              }),
                 Cancelled);
  }
  Task rest = net_task();
  run_training(rest, config_of("bf16"), pieces.path(), {});
  EXPECT_EQ(result_bytes(straight.path()), result_bytes(pieces.path()));
}

TEST(Precision, AnotherWordIsAnError) {
  try {
    check(config_of("fp16"));
    FAIL() << "it should have been refused";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("trainer.precision: unknown \"fp16\""));
  }
}

}  // namespace
}  // namespace sumi
