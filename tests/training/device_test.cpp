#include <gmock/gmock.h>

#include <cmath>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "distant_device.h"
#include "smallest.h"
#include "training/optimiser.h"
#include "training/randomness.h"
#include "training/train.h"
#include "weights/state_dict.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;

const std::string kWorld = std::string(SUMI_SOURCE_DIR) + "/recipes/worlds/smallest.json";

Runtime on(const std::string& device) {
  Runtime runtime;
  runtime.threads = 1;
  runtime.device = device;
  return runtime;
}

std::vector<Json> log_of(const fs::path& output) {
  std::istringstream lines(read_text_file(output / "log.jsonl"));
  std::vector<Json> log;
  for (std::string line; std::getline(lines, line);) log.push_back(parse_json(line, "log"));
  return log;
}

/// Every number of two logs, to `share` of it.
void expect_alike(const fs::path& near, const fs::path& far, double share) {
  const auto one = log_of(near), other = log_of(far);
  ASSERT_EQ(one.size(), other.size());
  ASSERT_FALSE(one.empty());
  for (std::size_t i = 0; i < one.size(); ++i) {
    ASSERT_EQ(one[i].size(), other[i].size());
    for (const auto& [key, value] : one[i].items()) {
      if (!value.is_number()) continue;
      const double wanted = value.get<double>();
      EXPECT_NEAR(other[i].at(key).get<double>(), wanted, share * (std::abs(wanted) + 0.01))
          << near.filename() << " line " << i << ": " << key;
    }
  }
}

/// Trains a recipe on both devices, side by side under `folder`.
void train_on_both(const fs::path& folder, const std::string& name, Recipe recipe,
                   double share = 2e-3) {
  SCOPED_TRACE(name);
  const auto before = distant_operations();
  train(recipe, folder / "near" / name, on("cpu"));
  EXPECT_EQ(distant_operations(), before);
  train(recipe, folder / "far" / name, on(distant_device()));
  EXPECT_GT(distant_operations(),
            before + 100 * recipe.trainer.samples / recipe.trainer.batch_size);
  expect_alike(folder / "near" / name, folder / "far" / name, share);
}

Recipe shortened(const std::string& name, int samples) {
  Recipe recipe = smallest(name, kWorld);
  recipe.trainer.samples = samples;
  recipe.trainer.validate_every = samples;
  recipe.trainer.save_every = samples / 2;
  recipe.trainer.log_every = recipe.trainer.batch_size * recipe.trainer.accumulation;
  recipe.trainer.profile_every = 0;
  recipe.trainer.result_profile = 0;
  return recipe;
}

TEST(DistantDevice, RefusesTheHostAndItsTensors) {
  const torch::Device device(distant_device());
  const Tensor near = normal_numbers({3, 4}, 1), far = near.to(device);
  EXPECT_FALSE(far.is_cpu());
  EXPECT_TRUE(far.t().narrow(0, 1, 2).cpu().equal(near.t().narrow(0, 1, 2)));
  EXPECT_THROW(far + near, c10::Error);
  EXPECT_THROW(at::matmul(far, near.t()), c10::Error);
  EXPECT_THROW(at::cat({far, near}), c10::Error);
  EXPECT_EXIT(static_cast<void>(*static_cast<volatile float*>(far.data_ptr()) + 1),
              ::testing::KilledBySignal(SIGSEGV), "");
}

TEST(Device, EveryTaskTrainsWhereItIsTold) {
  const TemporaryDirectory folder;
  const auto& at = folder.path();
  // Both sides of a stage start from the same one before it.
  const auto before = [&](const char* name) { return (at / "near" / name).string(); };
  train_on_both(at, "scorer", shortened("scorer", 64));
  Recipe autoencoder = shortened("autoencoder", 64);
  autoencoder.scorer = before("scorer");
  autoencoder.autoencoder_loss.perceptual = 0.1;
  train_on_both(at, "autoencoder", autoencoder, 0.02);
  for (const char* name : {"text_to_image", "transformer"}) {
    Recipe recipe = shortened(name, 64);
    recipe.autoencoder = before("autoencoder");
    recipe.checkpoint_blocks = recipe.network == "transformer";
    train_on_both(at, name, recipe, 0.02);  // Muon rounds to bfloat16 on one side
  }
  for (const char* name : {"editing", "distilled"}) {
    Recipe recipe = shortened(name, 32);
    recipe.init_from = before("text_to_image");
    train_on_both(at, name, recipe);
    if (recipe.task != "distillation") continue;
    recipe.distillation.method = "guidance";
    train_on_both(at, "guided", recipe);
  }
}

TEST(Device, ARunGoesOnWithTheSameBits) {
  const TemporaryDirectory folder;
  const Recipe recipe = shortened("autoencoder", 64);
  train(recipe, folder.path() / "whole", on(distant_device()));
  Runtime runtime = on(distant_device());
  TrainCallbacks callbacks;
  callbacks.progress = [&](const ProgressState& state) {
    if (state.what.starts_with("training") && state.done >= 24) runtime.cancel.request();
  };
  EXPECT_THROW(train(recipe, folder.path() / "cut", runtime, callbacks), Cancelled);
  train(recipe, folder.path() / "cut", on(distant_device()));
  const auto weights = fs::path("model") / "vae" / "diffusion_pytorch_model.safetensors";
  EXPECT_TRUE(read_text_file(folder.path() / "whole" / weights) ==
              read_text_file(folder.path() / "cut" / weights));
  EXPECT_EQ(read_text_file(folder.path() / "whole" / "log.jsonl"),
            read_text_file(folder.path() / "cut" / "log.jsonl"));
}

TEST(Device, OffloadIsForTheProcessor) {
  const TemporaryDirectory folder;
  Recipe recipe = shortened("autoencoder", 64);
  recipe.trainer.offload = "optimiser";
  EXPECT_THROW(train(recipe, folder.path(), on(distant_device())), Error);
}

/// The weights after a few steps of a rule on a device.
Tensor stepped(const OptimiserConfig& config, const std::string& where) {
  Tensor matrix = normal_numbers({40, 33}, 1).to(torch::Device(where)),
         vector = normal_numbers({70}, 2).to(torch::Device(where));
  ParameterBuffer buffer({{"matrix", &matrix}, {"vector", &vector}});
  Optimiser optimiser(buffer, config);
  const c10::NoGradGuard no_grad;
  for (std::uint64_t step = 0; step < 5; ++step) {
    matrix.mutable_grad().copy_(normal_numbers({40, 33}, 10 + step));
    vector.mutable_grad().copy_(normal_numbers({70}, 20 + step));
    optimiser.step(0.01, 0.5);
  }
  return buffer.weights().detach().cpu();
}

TEST(Device, OptimisersStepAlike) {
  const Tensor start = normal_numbers({40, 33}, 1).flatten();
  for (const char* kind : {"adamw", "adamw8bit", "adafactor", "prodigy"})
    for (const bool muon : {false, true}) {
      OptimiserConfig config;
      config.kind = kind;
      if (muon) config.matrices = "muon";
      config.weight_decay = 0.1;
      const Tensor near = stepped(config, "cpu"), far = stepped(config, distant_device());
      // Muon rounds to bfloat16 on a processor that has it.
      EXPECT_TRUE(near.allclose(far, 1e-4, muon ? 3e-3 : 1e-5)) << kind << " " << muon;
      EXPECT_GT((near.narrow(0, 0, start.numel()) - start).abs().max().item<double>(),
                kind == std::string("prodigy") && !muon ? 0 : 0.01)
          << kind;
    }
}

}  // namespace
}  // namespace sumi
