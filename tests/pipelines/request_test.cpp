#include "pipelines/request.h"

#include <gtest/gtest.h>

#include <limits>

namespace sumi {
namespace {

GenerateRequest good() {
  GenerateRequest request;
  request.prompt = "a cat";
  return request;
}

TEST(Request, DefaultsPass) { EXPECT_NO_THROW(check(good())); }

TEST(Request, EveryNumberIsChecked) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto refuses = [](auto change) {
    auto request = good();
    change(request);
    EXPECT_THROW(check(request), Error);
  };
  refuses([](auto& r) { r.width = 511; });
  refuses([](auto& r) { r.height = -8; });
  refuses([](auto& r) { r.width = 1 << 20; });
  refuses([](auto& r) { r.steps = -1; });
  refuses([](auto& r) { r.steps = 1001; });
  refuses([](auto& r) { r.count = 0; });
  refuses([](auto& r) { r.seed = -2; });
  refuses([&](auto& r) { r.guidance_scale = nan; });
  refuses([](auto& r) { r.guidance_scale = 1e308; });
  refuses([&](auto& r) { r.strength = nan; });
  refuses([](auto& r) { r.strength = 1.01; });
  refuses([](auto& r) { r.eta = -0.5; });
  refuses([](auto& r) { r.guidance_start = 0.9, r.guidance_end = 0.1; });
  refuses([](auto& r) { r.hires_scale = 0.5; });
  refuses([](auto& r) { r.vae_tile = 100; });
  refuses([](auto& r) { r.step_cache = -1; });
  refuses([](auto& r) { r.step_cache = 1001; });
  refuses([](auto& r) { r.token_merging = 0.76; });
  refuses([&](auto& r) { r.token_merging = nan; });
  refuses([](auto& r) { r.mask = "mask.png"; });
  refuses([](auto& r) { r.rng = "quantum"; });
  refuses([](auto& r) { r.prompt_style = "poem"; });
  refuses([](auto& r) { r.prompt = std::string((1u << 20) + 1, 'x'); });
}

TEST(Request, SaysWhichSizesWouldFit) {
  auto request = good();
  request.width = 511;
  try {
    check(request);
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.hint(), "use 504 or 512");
  }
}

TEST(Request, PicturesFromBeforePrecisionWasAChoiceAreMadeAgainInFloat) {
  auto request = good();
  request.precision = "int8";
  EXPECT_EQ(request_from_infotext(infotext_of(request, 1)).precision, "int8");
  EXPECT_EQ(request_from_infotext("a cat\nSteps: 20, Seed: 1, Version: Sumi 0.1.0").precision,
            "fp32");
  EXPECT_EQ(request_from_infotext("a cat\nSteps: 20, Seed: 1, Version: v1.9.4").precision, "auto");
}

}  // namespace
}  // namespace sumi
