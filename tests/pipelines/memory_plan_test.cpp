// What gives way first when memory is short, with the recorded tiny model.

#include "pipelines/memory_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "pipelines/generate.h"
#include "pipelines/model_set.h"

namespace sumi {
namespace {

using testing::HasSubstr;

class Plans : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    Runtime one_thread;
    one_thread.threads = 1;
    models_ = load_models(request(), one_thread);
  }
  static void TearDownTestSuite() { models_.reset(); }

  static GenerateRequest request() {
    GenerateRequest r;
    r.model = SUMI_SOURCE_DIR "/tests/reference/data/models/sd15_tiny/diffusers";
    r.width = r.height = 512;
    r.precision = "fp32";
    return r;
  }
  static MemoryPlan plan(GenerateRequest r, std::uint64_t budget, std::size_t count = 4,
                         bool open = false) {
    return plan_memory(*models_, resolve(std::move(r), *models_), count, open, {budget, false}, 0);
  }
  static std::shared_ptr<ModelSet> models_;
};

std::shared_ptr<ModelSet> Plans::models_;

TEST_F(Plans, WithoutABudgetNothingGivesWay) {
  const auto free = plan(request(), 0);
  EXPECT_TRUE(free.unet_stays);
  EXPECT_FALSE(free.tiles.always);
  EXPECT_GT(free.operations, 0);
  EXPECT_GE(free.forecast.peak_bytes(), free.forecast.decoding_bytes);
  EXPECT_EQ(plan(request(), 100 * free.forecast.peak_bytes()).batch_size, free.batch_size);
}

TEST_F(Plans, EveryPlanFitsItsBudget) {
  const auto most = plan(request(), 0).forecast.peak_bytes();
  int fitting = 0;
  for (int percent = 100; percent > 0; percent -= 5) {
    const auto budget = most * static_cast<std::uint64_t>(percent) / 100;
    try {
      EXPECT_LE(plan(request(), budget).forecast.peak_bytes(), budget);
      ++fitting;
    } catch (const Error&) {
    }
  }
  EXPECT_GT(fitting, 2);
  EXPECT_LT(fitting, 20);
}

TEST_F(Plans, DecodingGivesWayByTiles) {
  auto r = request();
  r.batch_size = 1;
  const auto whole = plan(r, 0, 1);
  ASSERT_EQ(whole.forecast.peak_bytes(), whole.forecast.decoding_bytes);
  const auto tight = plan(r, whole.forecast.decoding_bytes * 3 / 4, 1);
  EXPECT_FALSE(tight.unet_stays);
  EXPECT_TRUE(tight.tiles.always);
  EXPECT_LT(tight.tiles.tile_px, 512);
  r.vae_tiling = "off";
  EXPECT_THROW(plan(r, whole.forecast.decoding_bytes * 3 / 4, 1), Error);
}

TEST_F(Plans, AChosenBatchIsKept) {
  auto r = request();
  r.batch_size = 3;
  EXPECT_EQ(plan(r, 0).batch_size, 3u);
}

TEST_F(Plans, TooLittleNamesTheLeast) {
  std::uint64_t least = 0;
  try {
    plan(request(), 1 << 20);
    FAIL() << "a megabyte was enough";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("does not fit into 1M"));
    const std::string hint = error.hint(), before = "the least that would do is ";
    ASSERT_THAT(hint, HasSubstr(before));
    least = parse_memory(hint.substr(before.size(), hint.find('M') - before.size()) + "M");
  }
  EXPECT_LE(plan(request(), least).forecast.peak_bytes(), least);
  EXPECT_THROW(plan(request(), least / 2), Error);
}

TEST_F(Plans, AreSaidInWords) {
  MemoryPlan tiled;
  tiled.precision = "int8";
  tiled.batch_size = 2;
  tiled.tiles = {.always = true, .never = false, .tile_px = 256};
  tiled.unet_stays = false;
  EXPECT_EQ(describe(tiled),
            "int8, 2 pictures at a time, decoded in tiles of 256 pixels after the denoiser's "
            "weights are let go");
}

TEST_F(Plans, ARunSaysWhatItChoseAndKeepsToItsBudget) {
  auto r = request();
  r.width = r.height = 64;
  r.steps = 1;
  Runtime one_thread;
  one_thread.threads = 1;
  std::vector<MemoryPlan> seen;
  GenerateHooks hooks;
  hooks.planned = [&](const MemoryPlan& chosen) { seen.push_back(chosen); };
  const auto pictures = generate(*models_, std::span(&r, 1), one_thread, hooks, {0, true});
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_FALSE(seen[0].unet_stays);
  EXPECT_EQ(pictures.front().request.precision, seen[0].precision);
  EXPECT_THROW(generate(*models_, std::span(&r, 1), one_thread, hooks, {1 << 20, true}), Error);
}

}  // namespace
}  // namespace sumi
