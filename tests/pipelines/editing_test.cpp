// Instruction editing (Brooks et al. 2023) with a tiny network of random weights: the U-Net of the
// recorded tiny model, whose first convolution learns to see a picture beside the noise.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "pipelines/denoise.h"
#include "pipelines/generate.h"
#include "pipelines/model_set.h"
#include "weights/state_dict.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Tensor drawn(at::IntArrayRef shape, std::uint64_t seed) {
  return torch::randn(shape, at::detail::createCPUGenerator(seed));
}

/// The tiny model with a U-Net of 8 input channels.
void write_editing_model(const fs::path& folder) {
  fs::copy(fs::path(SUMI_SOURCE_DIR) / "tests/reference/data/models/sd15_tiny/diffusers", folder,
           fs::copy_options::recursive);
  Json config = read_json(folder / "unet" / "config.json");
  config["in_channels"] = 8;
  write_file(folder / "unet" / "config.json", config.dump());
  const auto file = folder / "unet" / "diffusion_pytorch_model.safetensors";
  StateDict weights;
  for (const auto& [name, tensor] : load_state_dict(file)) weights[name] = tensor.clone();
  auto& first = weights.at("conv_in.weight");
  first = torch::cat({first, drawn(first.sizes(), 1).to(first.scalar_type())}, 1).contiguous();
  save_state_dict(file, weights);
}

Image gradient(int width, int height) {
  Image image{width, height, 3, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (const int value : {4 * x, 5 * y, 128})
        image.pixels.push_back(static_cast<std::uint8_t>(value % 256));
  return image;
}

int largest_difference(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height || a.channels != b.channels) return 256;
  int largest = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    largest = std::max(largest, std::abs(int{a.pixels[i]} - int{b.pixels[i]}));
  return largest;
}

class Editing : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryDirectory;
    write_editing_model(folder_->path() / "model");
    save_image(picture_file(), gradient(48, 32));
    save_image(folder_->path() / "mask.png", gradient(32, 32));
    Runtime one_thread;  // tiny products gain nothing from more
    one_thread.threads = 1;
    models_ = load_models(request(1, 1), one_thread);
  }
  static void TearDownTestSuite() {
    models_.reset();
    delete folder_;
  }

  static fs::path picture_file() { return folder_->path() / "picture.png"; }

  static GenerateRequest request(double guidance_scale, double image_guidance_scale) {
    GenerateRequest r;
    r.model = (folder_->path() / "model").string();
    r.image = picture_file().string();
    r.prompt = "make it winter";
    r.seed = 5;
    r.steps = 3;
    r.sampler = "Euler";
    r.guidance_scale = guidance_scale;
    r.image_guidance_scale = image_guidance_scale;
    return r;
  }

  static Image edited(const GenerateRequest& r) {
    return generate(*models_, std::span(&r, 1), {}).at(0).image;
  }

  static std::string complaint_about(const GenerateRequest& r) {
    try {
      edited(r);
    } catch (const Error& error) {
      return error.what();
    }
    return "no Error";
  }

  static inline TemporaryDirectory* folder_ = nullptr;
  static inline std::shared_ptr<ModelSet> models_;
};

TEST_F(Editing, IsKnownByTheChannelsOfItsNetwork) {
  EXPECT_EQ(models_->spec.variant, "instruct-pix2pix");
}

/// Equation 3, each of its three estimates asked of the network alone.
TEST_F(Editing, GuidesByTextAndByPicture) {
  const torch::NoGradGuard no_grad;
  const std::int64_t width = models_->spec.text.hidden_size;
  const auto heard = [&](std::uint64_t seed) {
    Conditioning conditioning;
    conditioning.branches = {{1, {{100, drawn({1, 77, width}, seed)}}}};
    return conditioning;
  };
  const std::vector<Listening> pictures = {{heard(1), heard(2)}, {heard(3), heard(4)}};
  const Tensor x = drawn({2, 4, 8, 8}, 5), seen = drawn({2, 4, 8, 8}, 6);
  const Tensor time = torch::full({2}, 400.0);
  const auto estimate = [&](const Tensor& picture, bool text) {
    std::vector<Tensor> contexts;
    for (const auto& one : pictures)
      contexts.push_back((text ? one.positive : one.negative).branches[0].at(1));
    return models_->network.forward(torch::cat({x, picture}, 1), time, {torch::cat(contexts)});
  };
  const Tensor full = estimate(seen, true), image = estimate(seen, false),
               none = estimate(torch::zeros_like(seen), false);
  for (const auto& [text_scale, image_scale] :
       {std::pair{1.0, 1.0}, {7.5, 1.5}, {3.0, 1.0}, {1.0, 2.0}}) {
    const GuidanceSettings guidance{.scale = text_scale, .image_scale = image_scale};
    const Tensor guided = guided_network(models_->network, pictures, guidance,
                                         std::make_shared<StepPosition>(), seen)(x, time);
    const Tensor expected = none + image_scale * (image - none) + text_scale * (full - image);
    EXPECT_TRUE(torch::allclose(guided, expected, 1e-4, 1e-4)) << text_scale << " " << image_scale;
  }
  EXPECT_GT((full - image).abs().max().item<double>(), 1e-2);
  EXPECT_GT((image - none).abs().max().item<double>(), 1e-2);
}

TEST_F(Editing, ThePictureCountsAsMuchAsAsked) {
  const Image plain = edited(request(1, 0));  // no guidance at all: the conditional estimate
  EXPECT_EQ(plain.width, 48);
  EXPECT_EQ(plain.height, 32);
  EXPECT_LE(largest_difference(edited(request(1, 1)), plain), 1);
  const Image loose = edited(request(4, 1)), close = edited(request(4, 2));
  EXPECT_GT(largest_difference(loose, close), 4);
  EXPECT_GT(largest_difference(loose, plain), 4);

  save_image(folder_->path() / "other.png",
             filled_image(48, 32, std::vector<std::uint8_t>{9, 200, 60}));
  auto other = request(4, 2);
  other.image = (folder_->path() / "other.png").string();
  EXPECT_GT(largest_difference(edited(other), close), 4);
}

TEST_F(Editing, ABatchGivesThePicturesOfSingleRuns) {
  std::vector<GenerateRequest> both(2, request(4, 1.5));
  both[1].prompt = "make it a drawing";
  both[1].seed = 6;
  const auto together = generate(*models_, both, {});
  ASSERT_EQ(together.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i)
    EXPECT_LE(largest_difference(together[i].image, edited(both[i])), 1) << i;
  EXPECT_GT(largest_difference(together[0].image, together[1].image), 4);
}

TEST_F(Editing, WhatDoesNotFitIsAnError) {
  auto r = request(4, 1.5);
  r.image.clear();
  EXPECT_THAT(complaint_about(r), HasSubstr("needs a picture"));
  r = request(4, 1.5);
  r.mask = (folder_->path() / "mask.png").string();
  EXPECT_THAT(complaint_about(r), HasSubstr("the mask is 32x32 pixels, the picture 48x32"));
  r = request(4, 1.5);
  r.width = 44;
  EXPECT_THAT(complaint_about(r), HasSubstr("width is 44 pixels"));
  r = request(4, 1.5);
  r.image = (folder_->path() / "model" / "model_index.json").string();
  EXPECT_THAT(complaint_about(r), HasSubstr("model_index.json"));
  r = request(4, 1.5);
  r.hires_scale = 2;
  EXPECT_THAT(complaint_about(r), HasSubstr("no second pass"));
  r = request(4, std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(complaint_about(r), HasSubstr("image_guidance_scale"));
}

}  // namespace
}  // namespace sumi
