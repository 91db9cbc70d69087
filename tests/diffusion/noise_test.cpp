#include "diffusion/noise.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace sumi {
namespace {

void expect_first(const Tensor& values, std::vector<float> expected, double tolerance) {
  const auto flat = values.flatten();
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(flat[std::int64_t(i)].item<float>(), expected[i], tolerance) << i;
}

TEST(Noise, PhiloxKnownAnswers) {
  // Random123's known-answer file, philox4x32 with 10 rounds.
  const auto zero = philox4x32({{0, 0, 0, 0}}, 0, 0);
  const std::uint32_t expected_zero[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  const std::uint32_t all = 0xffffffff;
  const auto ones = philox4x32({{all, all, all, all}}, all, all);
  const std::uint32_t expected_ones[] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(zero.word[i], expected_zero[i]);
    EXPECT_EQ(ones.word[i], expected_ones[i]);
  }
}

TEST(Noise, PhiloxIsCudas) {
  // torch.manual_seed(0); torch.randn(8, device="cuda")
  expect_first(philox_noise(0)({1, 8}),
               {-0.9247f, -0.4253f, -2.6438f, 0.1452f, -0.1209f, -0.5797f, -0.6229f, -0.3284f},
               6e-5);
}

TEST(Noise, PhiloxGoesOn) {
  auto noise = philox_noise(1234567890123);
  const auto first = noise({1, 4, 32, 32}), second = noise({1, 4, 32, 32});
  EXPECT_FALSE(torch::equal(first, second));
  EXPECT_TRUE(torch::equal(philox_noise(1234567890123)({1, 4, 32, 32}), first));
  EXPECT_NEAR(first.mean().item<float>(), 0, 0.08);
  EXPECT_NEAR(first.std().item<float>(), 1, 0.06);
  EXPECT_LT(std::abs((first * second).mean().item<float>()), 0.08);
}

TEST(Noise, TorchCpu) {
  // torch.manual_seed(0); torch.randn(6) draws one by one, from 16 values on in blocks.
  expect_first(torch_cpu_noise(0)({2, 3}),
               {1.5410f, -0.2934f, -2.1788f, 0.5684f, -1.0845f, -1.3986f}, 6e-5);
  expect_first(torch_cpu_noise(0)({1, 4, 64, 64}), {-1.1258f, -1.1524f, -0.2506f, -0.4339f}, 6e-5);
  torch::manual_seed(5);
  const auto expected = torch::randn({1, 4, 8, 8}), expected_next = torch::randn({1, 4, 8, 8});
  auto noise = torch_cpu_noise(5);
  EXPECT_TRUE(torch::equal(noise({1, 4, 8, 8}), expected));
  EXPECT_TRUE(torch::equal(noise({1, 4, 8, 8}), expected_next));
}

TEST(Noise, AnItemDoesNotDependOnTheBatch) {
  for (const char* kind : {"cpu", "gpu"}) {
    const auto together =
        batch_noise({image_noise(kind, 1), image_noise(kind, 2), image_noise(kind, 3)});
    const auto alone = batch_noise({image_noise(kind, 2)});
    for (int draw = 0; draw < 3; ++draw) {
      const auto batch = together(torch::empty({3, 4, 6, 5}));
      EXPECT_TRUE(torch::equal(batch.slice(0, 1, 2), alone(torch::empty({1, 4, 6, 5})))) << kind;
    }
  }
}

TEST(Noise, Refusals) {
  EXPECT_THROW(image_noise("tpu", 1), Error);
  EXPECT_THROW(batch_noise({image_noise("cpu", 1)})(torch::empty({2, 4})), Error);
  const auto replay = replay_noise(torch::ones({1, 2, 3}));
  EXPECT_TRUE(torch::equal(replay(torch::empty({2, 3})), torch::ones({2, 3})));
  EXPECT_THROW(replay(torch::empty({2, 3})), Error);
}

}  // namespace
}  // namespace sumi
