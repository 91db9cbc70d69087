#include "training/identification.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "training/picture_tensor.h"

namespace sumi {
namespace {

TEST(Wilson, KnownIntervals) {
  const auto [low, high] = wilson_interval(8, 10);
  EXPECT_NEAR(low, 0.4902, 1e-4);
  EXPECT_NEAR(high, 0.9433, 1e-4);
  for (int trials = 1; trials <= 200; ++trials) {
    EXPECT_EQ(wilson_interval(0, trials).first, 0) << trials;
    EXPECT_EQ(wilson_interval(trials, trials).second, 1) << trials;
  }
}

TEST(Contrastive, IsTheEntropyOfTheRightPairs) {
  const Tensor pictures = at::eye(4), prompts = at::eye(4);
  const double sharp = 3;
  const double expected = -std::log(std::exp(sharp) / (std::exp(sharp) + 3));
  const Tensor sharpness = at::full({1}, sharp);
  EXPECT_NEAR(contrastive_loss(pictures, prompts, sharpness).item<double>(), expected, 1e-5);
  EXPECT_GT(contrastive_loss(pictures, prompts.flip(0), sharpness).item<double>(), expected + 2);
}

TEST(PictureTensor, GivesThePixelsBack) {
  Image picture{2, 3, 3, {}};
  for (int i = 0; i < 18; ++i) picture.pixels.push_back(static_cast<std::uint8_t>(i * 15));
  const std::vector<Image> pictures = {picture,
                                       filled_image(2, 3, std::vector<std::uint8_t>{0, 128, 255})};
  const Tensor tensor = tensor_of(pictures);
  EXPECT_EQ(shape_text(tensor.sizes()), "[2, 3, 3, 2]");
  EXPECT_NEAR(tensor[0][1][2][1].item<double>(), 16 * 15 / 127.5 - 1, 1e-6);
  EXPECT_EQ(pictures_of(tensor), pictures);
  const std::vector<Image> uneven = {picture,
                                     filled_image(3, 3, std::vector<std::uint8_t>{0, 0, 0})};
  EXPECT_THROW(tensor_of(uneven), Error);
}

}  // namespace
}  // namespace sumi
