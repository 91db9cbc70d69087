// From samples to figures: what an evaluation reads, which measures it takes, and that they tell
// like from unlike.

#include "training/evaluation.h"

#include <c10/core/GradMode.h>
#include <gmock/gmock.h>

#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "data/random.h"
#include "media/compare.h"
#include "text/bpe_learner.h"
#include "training/measures.h"
#include "training/prompts.h"
#include "training/randomness.h"

namespace sumi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Noise of one picture, the same for the same number.
Image noise(int number, int side = 16) {
  Image picture{side, side, 3, {}};
  Random random(1, 2, static_cast<std::uint64_t>(number));
  for (int i = 0; i < side * side * 3; ++i)
    picture.pixels.push_back(static_cast<std::uint8_t>(random.below(256)));
  return picture;
}

std::vector<Image> noises(int first, int count) {
  std::vector<Image> pictures;
  for (int i = 0; i < count; ++i) pictures.push_back(noise(first + i));
  return pictures;
}

/// A scorer of random weights with a vocabulary of bytes.
OpenedScorer random_scorer(const std::filesystem::path& folder) {
  const std::vector<std::string> captions = {"a red square", "a blue square", "a green circle"};
  std::filesystem::create_directories(folder);
  save_tokenizer_folder(folder, learn_bpe(captions, 530), 16);
  auto tokenizer = ClipTokenizer::from_folder(folder);
  ClipTextConfig text;
  text.hidden_size = 16;
  text.intermediate_size = 32;
  text.num_hidden_layers = 1;
  text.num_attention_heads = 2;
  text = fitted(text, tokenizer);
  ImageTowerConfig image;
  image.channels = {8, 16};
  image.embedding = 12;
  OpenedScorer opened{ImageTextScorer(image, text), std::move(tokenizer)};
  initialise(opened.scorer, 3);
  return opened;
}

double figure(const Figures& figures, const std::string& name) {
  for (const auto& [other, estimate] : figures)
    if (other == name) return estimate.value;
  ADD_FAILURE() << "no figure " << name;
  return NAN;
}

TEST(ChooseMeasures, LeavesOutWhatTheCountIsTooSmallFor) {
  const auto some = choose_measures({}, 5, 1000, 128);
  EXPECT_FALSE(some.has("fid"));
  EXPECT_FALSE(some.has("density"));
  EXPECT_TRUE(some.has("kid"));
  EXPECT_TRUE(some.has("precision"));
  EXPECT_THAT(some.left_out.at("fid"), HasSubstr("129"));
  EXPECT_THAT(choose_measures({}, 129, 129, 128).names,
              testing::ElementsAreArray(std::begin(kMeasures), std::end(kMeasures)));
}

TEST(ChooseMeasures, RefusesWhatWasAskedForAndCannotBe) {
  EXPECT_THAT(choose_measures({"kid"}, 64, 64, 128).names, ElementsAre("kid"));
  try {
    choose_measures({"kid", "fid"}, 128, 1000, 128);
    FAIL() << "128 pictures were taken for enough";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("fid takes 129 pictures"));
    EXPECT_THAT(error.hint(), HasSubstr("--count 129"));
  }
  EXPECT_THROW(choose_measures({"fid"}, 1000, 128, 128), Error);
}

TEST(SplitOff, TakesTheEnd) {
  PictureSet set{noises(0, 5), {"a", "b", "c", "d", "e"}, {}};
  const auto tail = split_off(set, 2);
  EXPECT_THAT(set.captions, ElementsAre("a", "b", "c"));
  EXPECT_THAT(tail.captions, ElementsAre("d", "e"));
  EXPECT_EQ(set.pictures, noises(0, 3));
  EXPECT_EQ(tail.pictures, noises(3, 2));
}

TEST(FirstSamples, AreTheWorldsOwnInOrder) {
  const TemporaryDirectory folder;
  std::filesystem::create_directories(folder.path() / "pictures");
  for (int i = 0; i < 5; ++i) {
    const auto file = folder.path() / "pictures" / fmt::format("{}.png", i);
    save_image(file, noise(i));
    write_file(std::filesystem::path(file).replace_extension(".txt"), fmt::format("picture {}", i));
  }
  DatasetConfig config;
  config.folders.emplace_back().path = (folder.path() / "pictures").string();
  config.size_px = 16;
  const Dataset world(config, folder.path());
  const auto set = first_samples(world, 70, {}, {});
  ASSERT_EQ(set.pictures.size(), 70u);
  ASSERT_EQ(set.captions.size(), 70u);
  for (const int i : {0, 1, 63, 64, 69}) {
    const auto sample = world.at(static_cast<std::uint64_t>(i));
    EXPECT_EQ(set.pictures[i], sample.picture);
    EXPECT_EQ(set.captions[i], sample.caption);
  }
  CancelToken cancel;
  cancel.request();
  EXPECT_THROW(first_samples(world, 70, {}, cancel), Cancelled);
}

TEST(Features, DoNotDependOnTheBatchAndLieOnTheSphere) {
  const TemporaryDirectory folder;
  const auto scorer = random_scorer(folder.path() / "tokenizer");
  const auto pictures = noises(0, 67);
  const auto all = features_of(scorer, pictures, {}, {});
  EXPECT_EQ(shape_text(all.pooled.sizes()), "[67, 16]");
  EXPECT_EQ(shape_text(all.unit.sizes()), "[67, 12]");
  const auto last = features_of(scorer, std::span(pictures).last(1), {}, {});
  EXPECT_TRUE(at::allclose(all.pooled[66], last.pooled[0], 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(all.unit.norm(2, 1), at::ones({67}, torch::kDouble), 1e-5, 1e-6));
}

TEST(Compare, TellsLikeFromUnlike) {
  const TemporaryDirectory folder;
  const auto scorer = random_scorer(folder.path() / "tokenizer");
  const auto reference = features_of(scorer, noises(0, 80), {}, {});
  const auto like = features_of(scorer, noises(1000, 80), {}, {});
  std::vector<Image> flat;
  for (int i = 0; i < 80; ++i)
    flat.push_back(
        filled_image(16, 16, std::vector<std::uint8_t>(3, static_cast<std::uint8_t>(i))));
  const auto unlike = features_of(scorer, flat, {}, {});
  const auto measures = choose_measures({"fid", "kid", "cmmd", "precision", "density"}, 80, 80, 16);
  const auto near = compare(like, reference, measures, 20, 0);
  const auto far = compare(unlike, reference, measures, 20, 0);
  for (const auto* name : {"fid", "kid", "cmmd"})
    EXPECT_GT(figure(far.figures, name), 10 * std::abs(figure(near.figures, name))) << name;
  for (const auto* name : {"precision", "recall", "density", "coverage"})
    EXPECT_GT(figure(near.figures, name), 0.5) << name;
  // Flat pictures are nearly one and the same to the network: whatever their place, they reach few.
  EXPECT_EQ(figure(far.figures, "recall"), 0);
  EXPECT_LT(figure(far.figures, "coverage"), 0.2);
  EXPECT_LT(*near.fid_infinity, figure(near.figures, "fid"));
  EXPECT_EQ(near.kid_subsets->size, 40);
}

TEST(PromptCosine, IsTheMeanOfEachPicturesOwn) {
  const TemporaryDirectory folder;
  const auto scorer = random_scorer(folder.path() / "tokenizer");
  const std::vector<std::string> prompts = {"a red square", "a blue square", "a green circle"};
  const c10::NoGradGuard no_grad;
  const Tensor said = scorer.scorer.prompt_vectors(ids_of(prompts, scorer.tokenizer));
  const Tensor own = said.to(torch::kDouble);
  EXPECT_NEAR(prompt_cosine(scorer, own, prompts, 20, 0).value, 1, 1e-5);
  EXPECT_NEAR(prompt_cosine(scorer, -own, prompts, 20, 0).value, -1, 1e-5);
}

TEST(Reconstruction, IsTheMeanOfTheWhole) {
  const auto pictures = noises(0, 3);
  auto again = pictures;
  again[1] = noise(9);
  const auto found = reconstruction(pictures, again, 20, 0);
  EXPECT_NEAR(found.psnr_db.value, (200 + psnr_db(pictures[1], again[1])) / 3, 1e-9);
  EXPECT_NEAR(found.ssim.value, (2 + ssim(pictures[1], again[1])) / 3, 1e-6);
}

TEST(PixelFeatures, AreThePixelsOfSmallPictures) {
  const auto small = pixel_features(noises(0, 2));
  EXPECT_EQ(shape_text(small.sizes()), "[2, 768]");
  EXPECT_NEAR(small[1][0].item<double>(), noise(1).pixels[0] / 127.5 - 1, 1e-6);
  const std::vector<Image> large = {noise(0, 128)};
  EXPECT_EQ(shape_text(pixel_features(large).sizes()), "[1, 12288]");
}

}  // namespace
}  // namespace sumi
