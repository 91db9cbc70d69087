#include "training/perceptual.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/files.h"
#include "smallest.h"
#include "train_alone.h"
#include "training/randomness.h"
#include "training/run_log.h"
#include "training/snapshots.h"
#include "training/train.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kWorld = std::string(SUMI_SOURCE_DIR) + "/recipes/worlds/smallest.json";

Tensor noise(at::IntArrayRef shape, std::uint64_t seed, torch::ScalarType type = torch::kFloat) {
  return at::randn(shape, generator_of(seed), torch::TensorOptions()).to(type);
}

ImageTextScorer small_scorer() {
  const Recipe recipe = smallest("scorer", kWorld);
  ImageTextScorer scorer({{8, 16, 24}, 8}, recipe.text_encoder);
  initialise(scorer, 4);
  set_requires_grad(scorer, false);
  return scorer;
}

/// The same network in double precision.
ImageTextScorer precise_scorer() {
  ImageTextScorer scorer = small_scorer();
  StateDict state = state_of(scorer);
  bind(scorer, state, "scorer", torch::kDouble);
  return scorer;
}

TEST(PictureLevels, HalveThePictureAndEndInTheFeatures) {
  const ImageTextScorer scorer = small_scorer();
  const auto levels = scorer.picture_levels(noise({2, 3, 24, 20}, 1));
  ASSERT_EQ(levels.size(), 3u);
  EXPECT_EQ(levels[0].sizes(), (std::vector<std::int64_t>{2, 8, 12, 10}));
  EXPECT_EQ(levels[1].sizes(), (std::vector<std::int64_t>{2, 16, 6, 5}));
  EXPECT_EQ(levels[2].sizes(), (std::vector<std::int64_t>{2, 24, 3, 3}));
}

TEST(PerceptualDistance, IsZeroForEqualPicturesOfAnySize) {
  const ImageTextScorer eyes = small_scorer();
  for (const std::int64_t side : {1, 9, 16, 40}) {
    const Tensor picture = noise({2, 3, side, side + 3}, 2);
    EXPECT_EQ(perceptual_distance(eyes, picture, picture).item<double>(), 0) << side;
    const double other =
        perceptual_distance(eyes, noise({2, 3, side, side + 3}, 3), picture).item<double>();
    EXPECT_GT(other, 0.01) << side;
    EXPECT_LE(other, 12) << side;
  }
}

TEST(PerceptualDistance, AddsUpTheLevelsByHand) {
  const ImageTextScorer eyes = precise_scorer();
  const Tensor a = noise({1, 3, 8, 8}, 2, torch::kDouble),
               b = noise({1, 3, 8, 8}, 3, torch::kDouble);
  double expected = 0;
  const auto of_a = eyes.picture_levels(a), of_b = eyes.picture_levels(b);
  for (std::size_t level = 0; level < of_a.size(); ++level) {
    const Tensor x = of_a[level][0].flatten(1), y = of_b[level][0].flatten(1);
    for (std::int64_t place = 0; place < x.size(1); ++place) {
      const Tensor u = x.select(1, place), v = y.select(1, place);
      const double cosine = (u.dot(v) / (u.norm() * v.norm())).item<double>();
      expected += (2 - 2 * cosine) / static_cast<double>(x.size(1));
    }
  }
  EXPECT_NEAR(perceptual_distance(eyes, a, b).item<double>(), expected, 1e-3 * expected);
}

TEST(PerceptualDistance, ItsGradientIsThatOfFiniteDifferences) {
  const ImageTextScorer eyes = precise_scorer();
  const Tensor wanted = noise({1, 3, 8, 8}, 5, torch::kDouble);
  const Tensor made = noise({1, 3, 8, 8}, 6, torch::kDouble).requires_grad_(true);
  perceptual_distance(eyes, made, wanted).backward();
  for (const auto& [name, slot] : eyes.parameters()) {
    EXPECT_FALSE(slot->requires_grad()) << name;
    EXPECT_FALSE(slot->grad().defined()) << name;
  }
  constexpr double kStep = 1e-5;
  double largest = 0;
  for (std::int64_t i = 0; i < made.numel(); i += 17) {
    const auto moved = [&](double by) {
      Tensor other = made.detach().clone();
      other.view(-1)[i] += by;
      return perceptual_distance(eyes, other, wanted).item<double>();
    };
    const double expected = (moved(kStep) - moved(-kStep)) / (2 * kStep);
    const double found = made.grad().view(-1)[i].item<double>();
    EXPECT_NEAR(found, expected, 1e-6 + 1e-4 * std::abs(expected)) << i;
    largest = std::max(largest, std::abs(found));
  }
  EXPECT_GT(largest, 1e-4);
}

/// What training with this recipe complains of.
std::string complaint(const Recipe& recipe, const fs::path& output) {
  try {
    train_alone(recipe, output);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(PerceptualAutoencoder, LearnsThroughTheScorerAndResumesBitByBit) {
  const TemporaryDirectory folder;
  Recipe scorer = smallest("scorer", kWorld);
  scorer.trainer.samples = 64;
  train_alone(scorer, folder.path() / "scorer");
  const auto scorer_bytes = file_checksum(folder.path() / "scorer" / "model" / "model.safetensors");

  Recipe recipe = smallest("autoencoder", kWorld);
  recipe.autoencoder_loss.adversarial.weight = 0;
  recipe.trainer.samples = 160;
  recipe.trainer.validate_every = recipe.trainer.save_every = 80;
  recipe.scorer = "../scorer";
  recipe.autoencoder_loss.perceptual = 0.5;
  const auto straight = folder.path() / "straight", pieces = folder.path() / "pieces";
  train_alone(recipe, straight);
  train_alone(recipe, pieces, 80);
  train_alone(recipe, pieces);
  for (const char* file : {"model/vae/diffusion_pytorch_model.safetensors", "log.jsonl"})
    EXPECT_EQ(file_checksum(straight / file), file_checksum(pieces / file)) << file;
  EXPECT_EQ(file_checksum(folder.path() / "scorer" / "model" / "model.safetensors"), scorer_bytes);

  RunLog log;
  log.restore(read_text_file(straight / "log.jsonl"));
  EXPECT_LT(log.lines().back().at("perceptual").get<double>(),
            log.lines().front().at("perceptual").get<double>());
  const Json last = log.lines().back();
  EXPECT_NEAR(last.at("validation_loss").get<double>(),
              last.at("validation_error").get<double>() +
                  0.5 * last.at("validation_perceptual").get<double>(),
              1e-6);
}

TEST(PerceptualAutoencoder, NamesTheScorerThatIsMissing) {
  const TemporaryDirectory folder;
  Recipe recipe = smallest("autoencoder", kWorld);
  recipe.autoencoder_loss.perceptual = 1;
  EXPECT_THAT(complaint(recipe, folder.path() / "out"), HasSubstr("scorer: it is empty"));
  recipe.scorer = "../nowhere";
  EXPECT_THAT(complaint(recipe, folder.path() / "out"),
              testing::AllOf(HasSubstr("scorer: "), HasSubstr("nowhere")));
  fs::create_directories(folder.path() / "other");
  write_file(folder.path() / "other" / "config.json", "{}");
  recipe.scorer = "../other";
  EXPECT_THAT(complaint(recipe, folder.path() / "out"), HasSubstr("no image-text scorer"));
  recipe.autoencoder_loss.perceptual = -0.1;
  EXPECT_THAT(complaint(recipe, folder.path() / "out"), HasSubstr("autoencoder_loss.perceptual"));
}

}  // namespace
}  // namespace sumi
