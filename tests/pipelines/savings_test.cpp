// Less work: exact where it says so, of small error where not, and never dependent on the batch.
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/files.h"
#include "media/compare.h"
#include "models/conditioning.h"
#include "pipelines/denoise.h"
#include "pipelines/generate.h"
#include "pipelines/model_set.h"
#include "pipelines/reuse.h"

namespace sumi {
namespace {

Tensor drawn(at::IntArrayRef shape, std::uint64_t seed) {
  return torch::randn(shape, at::detail::createCPUGenerator(seed));
}

/// The model that comes with Sumi.
class LessWork : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    Runtime one_thread;
    one_thread.threads = 1;
    models_ = new std::shared_ptr<ModelSet>(load_models(request(), one_thread));
  }
  static void TearDownTestSuite() { delete models_; }
  static ModelSet& models() { return **models_; }

  static GenerateRequest request() {
    GenerateRequest r;
    r.prompt = "a 3d render of a red apple on a blue background";
    r.seed = 3;
    r.steps = 12;
    r.precision = "fp32";
    return r;
  }
  static std::vector<Picture> drawn_together(const std::vector<GenerateRequest>& requests) {
    return generate(models(), requests, {});
  }
  static Image picture(const GenerateRequest& r) { return drawn_together({r}).at(0).image; }

  static inline std::shared_ptr<ModelSet>* models_ = nullptr;
};

TEST_F(LessWork, StepCacheOfOneIsOff) {
  auto r = request();
  const Image plain = picture(r);
  r.step_cache = 1;
  EXPECT_EQ(max_difference(picture(r), plain), 0);
}

TEST_F(LessWork, StepCacheErrsLittleAndMoreWithTheInterval) {
  for (const char* sampler : {"DPM++ 2M", "Heun", "DDIM"}) {
    auto r = request();
    r.sampler = sampler;
    const Image plain = picture(r);
    r.step_cache = 2;
    const double near_db = psnr_db(picture(r), plain);
    r.step_cache = 6;
    const double far_db = psnr_db(picture(r), plain);
    EXPECT_GT(near_db, 20) << sampler;
    EXPECT_LT(near_db, 90) << sampler;  // it did something
    EXPECT_GT(near_db, far_db) << sampler;
  }
}

TEST_F(LessWork, TokenMergingErrsLittleAndMoreWithTheRatio) {
  auto r = request();
  const Image plain = picture(r);
  r.token_merging = 0.25;
  const double near_db = psnr_db(picture(r), plain);
  r.token_merging = 0.75;
  const double far_db = psnr_db(picture(r), plain);
  EXPECT_GT(near_db, 20);
  EXPECT_LT(near_db, 90);
  EXPECT_GT(near_db, far_db);
}

/// Prompts of one and of two chunks, words that alternate, and one that needs no second pass.
TEST_F(LessWork, APictureDoesNotDependOnItsBatch) {
  std::string words = "a red apple";
  for (int i = 0; i < 80; ++i) words += ", apple";
  std::vector<GenerateRequest> requests(4, request());
  requests[1].prompt = words;
  requests[1].seed = 4;
  requests[2].prompt = "[a dog|a cat] on a [red:green:0.5] background";
  requests[3].negative_prompt = requests[3].prompt;
  for (auto& r : requests) {
    r.step_cache = 3;
    r.token_merging = 0.5;
    r.guidance_start = 0.2;
    r.guidance_end = 0.8;
    r.batch_size = 4;
  }
  const auto together = drawn_together(requests);
  ASSERT_EQ(together.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_LE(max_difference(together[i].image, picture(requests[i])), 1) << i;
}

TEST_F(LessWork, TheInfotextMakesTheSamePixelsAgain) {
  auto r = request();
  r.step_cache = 3;
  r.token_merging = 0.5;
  const auto first = drawn_together({r}).at(0);
  const auto again = request_from_infotext(first.infotext);
  EXPECT_EQ(again.step_cache, 3);
  EXPECT_EQ(again.token_merging, 0.5);
  EXPECT_EQ(max_difference(picture(again), first.image), 0);
  r.token_merging = 0;
  EXPECT_GT(max_difference(picture(r), first.image), 0);
}

TEST_F(LessWork, WorkBesideInpaintingAndHires) {
  const TemporaryDirectory folder;
  const auto start = folder.path() / "start.png", mask = folder.path() / "mask.png";
  const Image apple = picture(request());
  save_image(start, apple);
  Image half = filled_image(apple.width, apple.height, std::vector<std::uint8_t>{0, 0, 0});
  std::fill(half.pixels.begin() + static_cast<std::ptrdiff_t>(half.pixels.size() / 2),
            half.pixels.end(), std::uint8_t{255});
  save_image(mask, half);
  auto r = request();
  r.prompt = "a 3d render of a green apple on a yellow background";
  r.image = start.string();
  r.mask = mask.string();
  r.strength = 0.7;
  const Image plain = picture(r);
  r.step_cache = 2;
  r.token_merging = 0.25;
  const Image saved = picture(r);
  EXPECT_TRUE(
      std::equal(apple.pixels.begin(),
                 apple.pixels.begin() + static_cast<std::ptrdiff_t>(apple.pixels.size() / 2),
                 saved.pixels.begin()));
  EXPECT_GT(psnr_db(saved, plain), 18);
  EXPECT_GT(max_difference(saved, plain), 0);

  auto large = request();
  large.hires_scale = 1.5;
  const Image whole = picture(large);
  large.step_cache = 2;
  EXPECT_EQ(picture(large).width, models().defaults.width * 3 / 2);
  EXPECT_GT(psnr_db(picture(large), whole), 18);
}

/// A negative prompt that says the same leaves guidance nothing to do: the bits of the prompt
/// alone, in one evaluation instead of two.
TEST_F(LessWork, TheSamePromptTwiceIsComputedOnce) {
  const torch::NoGradGuard no_grad;
  const auto width = models().spec.text.hidden_size;
  const Tensor context = drawn({1, 77, width}, 1),
               x = drawn({1, models().network.in_channels(), 8, 8}, 2);
  const auto heard = [&](const Tensor& c) {
    Conditioning conditioning;
    conditioning.branches = {{1, {{100, c}}}};
    return conditioning;
  };
  const Tensor time = torch::full({1}, 400.0);
  for (const auto precision : {"fp32", "int8"}) {
    use_precision(models(), precision);
    models().network.forward(x, time, {context});  // measures the layers
    const Tensor alone = models().network.forward(x, time, {context});
    for (const double rescale : {0.0, 0.7}) {
      const GuidanceSettings guidance{.scale = 7.5, .rescale = rescale};
      auto network = guided_network(models().network, {{heard(context), heard(context.clone())}},
                                    guidance, std::make_shared<StepPosition>());
      const Tensor guided = network(x, time);
      if (rescale == 0) {
        EXPECT_TRUE(at::equal(guided, alone)) << precision;
      }
      EXPECT_TRUE(at::allclose(guided, alone, 1e-5, 1e-6)) << precision;
    }
  }
  use_precision(models(), "fp32");
}

TEST(JoinedContexts, AreTheSameValueForTheSameRows) {
  const Tensor a = drawn({1, 3, 2}, 1), b = drawn({1, 3, 2}, 2);
  JoinedContexts contexts;
  const NetworkRows both = {{0, a, true}, {0, b, true}}, one = {{0, b, true}};
  const Tensor joined = contexts.of(both).tokens();
  EXPECT_TRUE(at::equal(joined, torch::cat({a, b})));
  EXPECT_TRUE(at::equal(contexts.of(one).tokens(), b));
  EXPECT_TRUE(contexts.of(both).tokens().is_same(joined));
  EXPECT_FALSE(contexts.of({{0, b, true}, {0, a, true}}).tokens().is_same(joined));
}

TEST(StepCache, CountsStepsNotEvaluations) {
  const Tensor context = drawn({1, 3, 2}, 1);
  const NetworkRow row = {0, context, true}, other = {1, context, true};
  StepCache cache(3);
  EXPECT_FALSE(cache.serves(row, 1));
  cache.keep({row}, 1, drawn({1, 2, 2, 2}, 1));
  EXPECT_FALSE(cache.serves(row, 1));  // the same step again
  EXPECT_TRUE(cache.serves(row, 2));
  EXPECT_TRUE(cache.serves(row, 3));
  EXPECT_FALSE(cache.serves(row, 4));
  EXPECT_FALSE(cache.serves(other, 2));
  EXPECT_FALSE(cache.serves({0, context.clone(), true}, 2));
  EXPECT_FALSE(cache.serves({0, context, false}, 2));
  StepCache off(1);
  off.keep({row}, 1, drawn({1, 2, 2, 2}, 1));
  EXPECT_FALSE(off.serves(row, 2));
}

TEST(StepCache, RecallsRowsInAnyCompany) {
  const Tensor context = drawn({1, 3, 2}, 1), deep = drawn({3, 2, 2, 2}, 2);
  const NetworkRow a = {0, context, true}, b = {1, context, true}, c = {2, context, true};
  StepCache cache(4);
  cache.keep({a, b, c}, 1, deep);
  EXPECT_TRUE(cache.recall({a, b, c}, 2).is_same(deep));
  EXPECT_TRUE(
      at::equal(cache.recall({c, a}, 2), torch::cat({deep.narrow(0, 2, 1), deep.narrow(0, 0, 1)})));
  const Tensor newer = drawn({1, 2, 2, 2}, 3);
  cache.keep({b}, 2, newer);
  EXPECT_TRUE(at::equal(cache.recall({a, b}, 3), torch::cat({deep.narrow(0, 0, 1), newer})));
}

}  // namespace
}  // namespace sumi
