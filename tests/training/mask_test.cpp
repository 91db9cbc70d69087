// Masks from a folder of pictures to the loss.
#include <gmock/gmock.h>

#include <set>

#include "core/error.h"
#include "core/files.h"
#include "media/image.h"
#include "training/objective.h"
#include "training/samples.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;

Image plain(int width, int height, std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  const std::uint8_t colour[] = {red, green, blue};
  return filled_image(width, height, colour);
}

/// White where it counts: the left `shown` columns.
Image left_columns(int width, int height, int shown, int channels) {
  Image image{width, height, channels, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c)
        image.pixels.push_back(x < shown || (channels == 4 && c < 3) ? 255 : 0);
  return image;
}

class Masks : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_.path() / "pictures");
    add("cat", plain(32, 16, 200, 40, 40));
  }
  void add(const std::string& name, const Image& picture) {
    const auto file = folder_.path() / "pictures" / name;
    save_image(file.string() + ".png", picture);
    write_file(file.string() + ".txt", "a picture of a " + name);
  }
  void add_mask(const std::string& name, const Image& mask) {
    save_image(folder_.path() / "pictures" / (name + ".mask.png"), mask);
  }
  Batch batch(const std::string& kind, int count = 4, const FramingConfig& framing = {}) {
    DatasetConfig config;
    config.folders.emplace_back().path = (folder_.path() / "pictures").string();
    config.size_px = 16;
    config.masks = kind;
    config.framing = framing;
    const auto world = std::make_shared<const Dataset>(config, folder_.path() / "cache");
    return BatchReader(world, 0.5, torch::kCPU).read({.first = 0, .count = count});
  }
  TemporaryDirectory folder_;
};

TEST_F(Masks, BesideThePicture) {
  add_mask("cat", left_columns(32, 16, 16, 3));
  EXPECT_FALSE(batch("").masks.defined());
  EXPECT_FALSE(batch("alpha").masks.defined());
  const auto seen = batch("sidecar");
  // Cut to a square from the middle, half of which is shown.
  ASSERT_EQ(seen.masks.sizes(), (std::vector<std::int64_t>{4, 1, 16, 16}));
  EXPECT_TRUE(seen.masks.narrow(3, 0, 8).eq(1).all().item<bool>());
  EXPECT_TRUE(seen.masks.narrow(3, 8, 8).eq(0).all().item<bool>());
  for (const auto& caption : seen.captions) EXPECT_EQ(caption, "a picture of a cat");
}

TEST_F(Masks, AreFlippedWithTheirPicture) {
  add_mask("cat", left_columns(32, 16, 16, 3));
  FramingConfig always;
  always.flips = 1;
  const auto seen = batch("sidecar", 2, always);
  EXPECT_TRUE(seen.masks.narrow(3, 0, 8).eq(0).all().item<bool>());
  EXPECT_TRUE(seen.masks.narrow(3, 8, 8).eq(1).all().item<bool>());
}

TEST_F(Masks, OfThePicturesOwnTransparency) {
  fs::remove(folder_.path() / "pictures" / "cat.png");
  add("cat", left_columns(16, 16, 4, 4));
  const auto seen = batch("alpha", 1);
  EXPECT_TRUE(seen.masks.narrow(3, 0, 4).eq(1).all().item<bool>());
  EXPECT_TRUE(seen.masks.narrow(3, 4, 12).eq(0).all().item<bool>());
}

TEST_F(Masks, WithoutOneAllOfAPictureCounts) {
  add("dog", plain(16, 16, 20, 40, 200));
  add_mask("cat", left_columns(32, 16, 0, 1));
  const auto seen = batch("sidecar", 32);
  int cats = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    const bool cat = seen.captions[i].ends_with("cat");
    EXPECT_EQ(seen.masks[static_cast<std::int64_t>(i)].mean().item<float>(), cat ? 0 : 1);
    cats += cat;
  }
  EXPECT_GT(cats, 0);
  EXPECT_LT(cats, 32);
}

TEST_F(Masks, ThatDoNotFitAreDamage) {
  add("dog", plain(16, 16, 20, 40, 200));
  add_mask("cat", left_columns(16, 16, 4, 1));
  const auto seen = batch("sidecar", 8);
  EXPECT_GT(seen.damage.count, 0u);
  EXPECT_THAT(seen.damage.names.front(), testing::HasSubstr("the mask is 16x16"));
  for (const auto& caption : seen.captions) EXPECT_EQ(caption, "a picture of a dog");
  EXPECT_THROW(batch("stencil"), Error);
}

TEST_F(Masks, OfNoPictureArePictures) {
  add("party.mask", plain(16, 16, 1, 2, 3));
  std::set<std::string> captions;
  for (const auto& caption : batch("sidecar", 32).captions) captions.insert(caption);
  EXPECT_EQ(captions.size(), 2u);
}

/// What a mask hides teaches nothing.
TEST_F(Masks, LeaveTheirPartOutOfTheLoss) {
  add_mask("cat", left_columns(32, 16, 16, 3));
  const auto seen = batch("sidecar", 2);
  ScheduleConfig process;
  process.beta_schedule = process.prediction_type = "flow";
  ObjectiveConfig plain;
  plain.weighting = "uniform";
  const Objective objective(process, plain);
  const Tensor clean = at::randn({2, 4, 8, 8}), noise = at::randn({2, 4, 8, 8});
  const Tensor times = torch::tensor({200.0f, 700.0f});
  const auto loss = [&](const Tensor& masks, float left, float right) {
    Tensor error = at::full({2, 4, 8, 8}, left);
    error.narrow(3, 4, 4).fill_(right);
    return diffusion_loss(
               objective, [&](const Tensor&, const Tensor&) { return noise - clean + error; },
               clean, noise, times, masks)
        .item<double>();
  };
  EXPECT_NEAR(loss(seen.masks, 0, 5), 0, 1e-6);
  EXPECT_NEAR(loss(seen.masks, 3, 5), 9, 1e-4);
  EXPECT_NEAR(loss({}, 3, 5), 17, 1e-4);
}

}  // namespace
}  // namespace sumi
