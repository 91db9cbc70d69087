#include "training/adversarial.h"

#include <gmock/gmock.h>

#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "duel_task.h"
#include "smallest.h"
#include "train_alone.h"
#include "training/optimiser.h"
#include "training/run_log.h"
#include "training/snapshots.h"
#include "training/train.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kWorld = std::string(SUMI_SOURCE_DIR) + "/recipes/worlds/smallest.json";

Tensor noise(at::IntArrayRef shape, std::uint64_t seed) {
  return at::randn(shape, generator_of(seed), torch::TensorOptions());
}

PatchDiscriminator small_discriminator(bool trainable) {
  PatchDiscriminator discriminator(8, 2);
  initialise(discriminator, 3);
  set_requires_grad(discriminator, trainable);
  return discriminator;
}

TEST(Hinge, CountsWhatIsNotYetBeyondTheMargins) {
  const Tensor real = torch::tensor({2.0, 0.5}), made = torch::tensor({-3.0, 0.0});
  EXPECT_NEAR(hinge_loss(real, made).item<double>(), 0.5 * (0.25 + 0.5), 1e-12);
  EXPECT_EQ(hinge_loss(at::full({4}, 1.0), at::full({4}, -1.0)).item<double>(), 0);
  EXPECT_NEAR(hinge_loss(at::zeros({4}), at::zeros({4})).item<double>(), 1, 1e-12);
}

TEST(BalancedWeight, IsTheRatioOfLengths) {
  const Tensor five = torch::tensor({3.0, 4.0});
  EXPECT_NEAR(balanced_weight(five, torch::tensor({0.5, 0.0})).item<double>(), 5 / 0.5001, 1e-9);
  EXPECT_NEAR(balanced_weight(five, torch::tensor({0.0, 200.0})).item<double>(), 5 / 200.0001,
              1e-12);
  EXPECT_EQ(balanced_weight(five, at::zeros({2})).item<double>(), 1e4);
  EXPECT_EQ(balanced_weight(at::zeros({2}), five).item<double>(), 0);
}

TEST(PatchDiscriminator, GivesAMapOfScores) {
  const auto scores = [](int levels, std::int64_t height, std::int64_t width) {
    PatchDiscriminator discriminator(8, levels);
    initialise(discriminator, 1);
    discriminator.need_patches(at::zeros({2, 3, height, width}));
    return discriminator.scores(noise({2, 3, height, width}, 2).requires_grad_(true));
  };
  EXPECT_EQ(scores(2, 16, 24).sizes(), (std::vector<std::int64_t>{2, 1, 2, 4}));
  EXPECT_EQ(scores(3, 64, 24).sizes(), (std::vector<std::int64_t>{2, 1, 6, 1}));
  EXPECT_EQ(scores(5, 96, 96).sizes(), (std::vector<std::int64_t>{2, 1, 1, 1}));
  try {
    scores(3, 64, 23);
    FAIL() << "a picture without patches should be refused";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("autoencoder_loss.adversarial.levels"));
    EXPECT_THAT(error.what(), HasSubstr("23 x 64"));
  }
}

TEST(PatchDiscriminator, AScoreDependsOnItsOwnPictureAlone) {
  const auto discriminator = small_discriminator(true);
  const Tensor pictures = noise({4, 3, 16, 16}, 5);
  const Tensor together = discriminator.scores(pictures);
  const Tensor alone = discriminator.scores(pictures.narrow(0, 2, 1));
  EXPECT_LT((together.narrow(0, 2, 1) - alone).abs().max().item<double>(), 1e-5);
}

/// A picture made by one last kernel, beside a real one.
struct Made {
  Tensor kernel = noise({3, 2, 3, 3}, 7).requires_grad_(true);
  Tensor pictures = at::conv2d(noise({2, 2, 16, 16}, 8), kernel, {}, 1, 1);
  Tensor real = noise({2, 3, 16, 16}, 9);
  Tensor error = (pictures - real).square().mean();
};

TEST(AdversarialTerm, PullsAsHardAsTheReconstructionTimesTheWeight) {
  const auto discriminator = small_discriminator(true);
  Made made;
  made.error.backward({}, /*retain_graph=*/true);
  const double wanted = made.kernel.grad().norm().item<double>();
  made.kernel.mutable_grad() = Tensor();

  const auto term =
      adversarial_term(discriminator, made.pictures, made.real, made.error, made.kernel, 0.5);
  EXPECT_EQ(term.total.item<double>(), 0);
  term.total.backward();
  EXPECT_NEAR(made.kernel.grad().norm().item<double>(), 0.5 * wanted, 0.02 * wanted);
  EXPECT_GT(term.balance.item<double>(), 0);
  EXPECT_NEAR(term.fooling.item<double>(),
              -discriminator.scores(made.pictures.detach()).mean().item<double>(), 1e-5);
}

TEST(AdversarialTerm, EachSideLearnsFromItsOwnLossOnly) {
  const auto discriminator = small_discriminator(true), fixed = small_discriminator(false);
  Made made;
  const auto term =
      adversarial_term(discriminator, made.pictures, made.real, made.error, made.kernel, 2);
  term.total.backward({}, /*retain_graph=*/true);
  const Tensor pull = made.kernel.grad().clone();
  made.kernel.mutable_grad() = Tensor();
  (-2 * term.balance.item<double>() * fixed.scores(made.pictures).mean()).backward();
  EXPECT_LT((pull - made.kernel.grad()).abs().max().item<double>(),
            1e-4 * pull.abs().max().item<double>());

  const auto alone = small_discriminator(true);
  const Tensor judged = hinge_loss(alone.scores(made.real), alone.scores(made.pictures.detach()));
  EXPECT_NEAR(judged.item<double>(), term.discriminator.item<double>(), 1e-5);
  judged.backward();
  const auto own = discriminator.parameters(), expected = alone.parameters();
  for (std::size_t i = 0; i < own.size(); ++i)
    EXPECT_LT((own[i].second->grad() - expected[i].second->grad()).abs().max().item<double>(), 1e-5)
        << own[i].first;
}

TEST(PatchDiscriminator, LearnsToTellBlurredFromReal) {
  PatchDiscriminator discriminator(8, 2);
  initialise(discriminator, 1);
  ParameterBuffer buffer(discriminator.parameters());
  Optimiser optimiser(buffer, OptimiserConfig{});
  const auto loss_of = [&](std::uint64_t seed) {
    const Tensor real = noise({8, 3, 16, 16}, seed);
    const Tensor other = noise({8, 3, 16, 16}, seed + 1000);
    return hinge_loss(discriminator.scores(real),
                      discriminator.scores(3 * at::avg_pool2d(other, 3, 1, 1)));
  };
  const double before = loss_of(1).item<double>();
  for (std::uint64_t step = 0; step < 60; ++step) {
    buffer.clear_gradients();
    loss_of(10 + step).backward();
    optimiser.step(3e-3, 1);
  }
  EXPECT_GT(before, 0.8);
  EXPECT_LT(loss_of(1).item<double>(), 0.3);
}

TrainerConfig duel_config() {
  TrainerConfig config = toy_config();
  config.samples = 320;
  config.log_every = 8;
  config.save_every = 32;
  return config;
}

/// Trains, stopping after each of `stops` samples; what it leaves.
std::string duel(const fs::path& output, const std::vector<std::int64_t>& stops = {}) {
  for (const auto stop : stops) {
    Task task = duel_task();
    Runtime runtime;
    const ProgressSink sink = [&](const ProgressState& state) {
      if (state.done >= stop) runtime.cancel.request();
    };
    EXPECT_THROW(run_training(task, duel_config(), output, runtime, sink), Cancelled);
  }
  Task task = duel_task();
  run_training(task, duel_config(), output, {});
  const auto last = output / "snapshots" / "000000000320";
  return result_bytes(output) + file_checksum(last / "tensors.safetensors") +
         file_checksum(last / "state.json");
}

TEST(Adversary, IsStoppedAndResumedWithTheModel) {
  const TemporaryDirectory straight, pieces;
  EXPECT_EQ(duel(straight.path()), duel(pieces.path(), {8, 64, 96, 104, 200, 312}));
}

TEST(Adversary, IsLeftAloneUntilItHasGradients) {
  const TemporaryDirectory folder;
  Task task = duel_task();
  std::vector<Tensor> start;
  for (const auto& [name, slot] : task.adversary->parameters) start.push_back(slot->clone());
  TrainerConfig config = duel_config();
  config.samples = 96;
  run_training(task, config, folder.path(), {});
  const auto snapshot = SnapshotFolder(folder.path() / "snapshots").load_latest();
  EXPECT_EQ(snapshot->state.at("adversary_numbers").at("steps"), 0);
  for (std::size_t i = 0; i < start.size(); ++i)
    EXPECT_TRUE(task.adversary->parameters[i].second->equal(start[i])) << i;

  const TemporaryDirectory whole;
  Task other = duel_task();
  run_training(other, duel_config(), whole.path(), {});
  const auto last = SnapshotFolder(whole.path() / "snapshots").load_latest();
  EXPECT_EQ(last->state.at("adversary_numbers").at("steps"), (320 - 96) / 8);
  EXPECT_EQ(last->tensors.count("adversary.weights"), 1u);
  EXPECT_EQ(last->tensors.count("adversary.average"), 0u);
  for (std::size_t i = 0; i < 3; ++i)  // the last bias has no gradient within both margins
    EXPECT_FALSE(other.adversary->parameters[i].second->equal(start[i])) << i;
}

TEST(Adversary, SnapshotsWithoutOneAreRefused) {
  const TemporaryDirectory folder;
  Task without = duel_task();
  without.adversary.reset();
  without.loss = [shift = without.parameters[0].second](const Draw&) {
    return Loss{(*shift - 1).square().sum(), {}};
  };
  TrainerConfig config = duel_config();
  config.samples = 96;
  run_training(without, config, folder.path(), {});
  Task with = duel_task();
  try {
    run_training(with, duel_config(), folder.path(), {});
    FAIL() << "the snapshots have no adversary";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("adversary"));
  }
}

TEST(Adversary, AGradientThatIsNotFiniteMovesNobody) {
  const TemporaryDirectory folder;
  Task task = duel_task();
  Tensor& bias = *task.adversary->parameters[3].second;
  task.loss = [plain = task.loss, &bias](const Draw& draw) {
    Loss loss = plain(draw);
    const Tensor none = (bias * std::numeric_limits<double>::infinity()).sum();
    if (draw.first >= 160 && draw.first < 168) loss.total = loss.total + none - none.detach();
    return loss;
  };
  const auto summary = run_training(task, duel_config(), folder.path(), {});
  EXPECT_EQ(summary.skipped, 1);
  EXPECT_EQ(summary.updates, 39);
  EXPECT_TRUE(at::isfinite(bias).all().item<bool>());
}

Recipe small_recipe(double weight) {
  Recipe recipe = smallest("autoencoder", kWorld);
  recipe.trainer.samples = 192;
  recipe.trainer.save_every = recipe.trainer.validate_every = 64;
  recipe.autoencoder_loss.adversarial.weight = weight;
  recipe.autoencoder_loss.adversarial.start_samples = 64;
  recipe.autoencoder_loss.adversarial.levels = 2;
  recipe.autoencoder_loss.adversarial.channels = 8;
  return recipe;
}

std::vector<Json> lines_of(const fs::path& output) {
  RunLog log;
  log.restore(read_text_file(output / "log.jsonl"));
  return log.lines();
}

TEST(AdversarialAutoencoder, IsResumedBitByBit) {
  const TemporaryDirectory folder;
  const auto straight = folder.path() / "straight", pieces = folder.path() / "pieces";
  const Recipe recipe = small_recipe(0.5);
  train_alone(recipe, straight);
  for (const std::int64_t stop : {32, 64, 128}) train_alone(recipe, pieces, stop);
  train_alone(recipe, pieces);
  for (const char* file : {"model/vae/diffusion_pytorch_model.safetensors", "log.jsonl",
                           "snapshots/000000000192/tensors.safetensors"})
    EXPECT_EQ(file_checksum(straight / file), file_checksum(pieces / file)) << file;

  const auto plain = folder.path() / "plain";
  train_alone(small_recipe(0), plain);
  const auto with = lines_of(straight), without = lines_of(plain);
  ASSERT_EQ(with.size(), without.size());
  for (std::size_t i = 0; i < with.size(); ++i) {
    const bool joined = with[i].at("samples").get<int>() > 64;
    EXPECT_EQ(with[i].at("discriminator").get<double>() > 0, joined) << i;
    EXPECT_EQ(with[i].at("balance").get<double>() > 0, joined) << i;
    EXPECT_FALSE(without[i].contains("discriminator"));
    if (!joined) {
      EXPECT_EQ(with[i].at("mean_loss"), without[i].at("mean_loss")) << i;
    }
  }
  EXPECT_NE(with.back().at("mean_loss"), without.back().at("mean_loss"));
  EXPECT_GT(with.back().at("validation_sharpness").get<double>(), 0);
}

std::string complaint(const Recipe& recipe) {
  try {
    check(recipe);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(AdversarialAutoencoder, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(complaint(small_recipe(0.5)), "");
  const auto wrong = [](const auto& change) {
    Recipe recipe = small_recipe(0.5);
    change(recipe.autoencoder_loss);
    return complaint(recipe);
  };
  using Config = AutoencoderLossConfig;
  const std::string field = "autoencoder_loss.adversarial.";
  EXPECT_THAT(wrong([](Config& c) { c.adversarial.weight = -1; }), HasSubstr(field + "weight"));
  EXPECT_THAT(wrong([](Config& c) { c.adversarial.weight = std::nan(""); }),
              HasSubstr(field + "weight"));
  EXPECT_THAT(wrong([](Config& c) { c.adversarial.start_samples = -1; }),
              HasSubstr(field + "start_samples"));
  EXPECT_THAT(wrong([](Config& c) { c.adversarial.start_samples = 192; }),
              HasSubstr(field + "start_samples"));
  EXPECT_THAT(wrong([](Config& c) { c.adversarial.learning_rate = 0; }),
              HasSubstr(field + "learning_rate"));
  EXPECT_THAT(wrong([](Config& c) { c.adversarial.channels = 12; }), HasSubstr(field + "channels"));
  EXPECT_THAT(wrong([](Config& c) { c.adversarial.levels = 0; }), HasSubstr(field + "levels"));
  EXPECT_THAT(wrong([](Config& c) { c.kl = -1; }), HasSubstr("autoencoder_loss.kl"));

  Recipe recipe = small_recipe(0.5);
  recipe.autoencoder_loss.adversarial.levels = 3;  // of pictures of 16 pixels
  const TemporaryDirectory folder;
  try {
    train_alone(recipe, folder.path());
    FAIL() << "nothing is left of the pictures";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(field + "levels"));
  }
}

}  // namespace
}  // namespace sumi
