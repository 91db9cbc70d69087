// Blocks that are computed twice: the same bits, less memory.
#include "nn/recompute.h"

#include <gmock/gmock.h>

#include "core/tensor_memory.h"
#include "models/unet.h"

namespace sumi {
namespace {

UNetConfig small_unet() {
  UNetConfig config;
  config.down_block_types = {"CrossAttnDownBlock2D", "DownBlock2D"};
  config.up_block_types = {"UpBlock2D", "CrossAttnUpBlock2D"};
  config.only_cross_attention = {false, false};
  config.block_out_channels = {16, 32};
  config.layers_per_block = {2, 1};
  config.norm_num_groups = 8;
  config.cross_attention_dim = {24, 24};
  config.transformer_layers_per_block = {1, 1};
  config.attention_head_dim = {2, 2};
  return config;
}

/// Output and gradients of every parameter and of sample and context.
std::vector<Tensor> pass(UNet& unet, std::int64_t height, std::int64_t width, bool twice) {
  torch::manual_seed(3);
  const auto sample = torch::randn({3, 4, height, width}).requires_grad_(true);
  const auto context = torch::randn({3, 5, 24}).requires_grad_(true);
  UNetOptions options;
  options.recompute_blocks = twice;
  const auto made = unet.forward(sample, torch::tensor({1.0f, 500.0f, 999.0f}), context, options);
  (made * torch::randn_like(made)).sum().backward();
  std::vector<Tensor> seen = {made.detach(), sample.grad(), context.grad()};
  for (const auto& [name, slot] : unet.parameters()) {
    seen.push_back(slot->grad().clone());
    slot->mutable_grad() = Tensor();
  }
  return seen;
}

TEST(Recompute, AUNetsGradientsAreTheSameBits) {
  UNet unet(small_unet());
  initialise(unet, 1);
  set_requires_grad(unet, true);
  for (const auto& [height, width] : {std::pair{8, 8}, {7, 5}, {1, 1}}) {
    const auto plain = pass(unet, height, width, false);
    const auto twice = pass(unet, height, width, true);
    ASSERT_EQ(plain.size(), twice.size());
    for (std::size_t i = 0; i < plain.size(); ++i)
      EXPECT_TRUE(plain[i].equal(twice[i])) << i << " of " << height << 'x' << width;
  }
}

/// The most memory that tensors took in one pass forth and back, in bytes.
std::size_t peak_of(UNet& unet, bool twice) {
  pass(unet, 32, 32, twice);
  reset_tensor_peak();
  const auto before = tensor_memory().live;
  pass(unet, 32, 32, twice);
  return tensor_memory().peak - before;
}

TEST(Recompute, TakesLessMemory) {
  Runtime runtime;
  runtime.threads = 1;
  start_torch(runtime);
  UNet unet(small_unet());
  initialise(unet, 1);
  set_requires_grad(unet, true);
  const auto plain = peak_of(unet, false), twice = peak_of(unet, true);
  RecordProperty("plain_kib", static_cast<int>(plain >> 10));
  RecordProperty("recomputed_kib", static_cast<int>(twice >> 10));
  if (plain == 0) GTEST_SKIP() << "this build has no arena that counts";
  EXPECT_LT(static_cast<double>(twice), 0.8 * static_cast<double>(plain));
}

TEST(Recompute, KeepsOnlyTheInputs) {
  const auto x = torch::randn({64}).requires_grad_(true);
  auto weight = torch::randn({64}).requires_grad_(true);
  int calls = 0;
  const TensorFunction part = [&](const std::vector<Tensor>& inputs) {
    ++calls;
    return std::vector<Tensor>{(inputs[0] * weight).sin(), inputs[0].exp()};
  };
  const auto made = recomputed(part, {x});
  EXPECT_EQ(calls, 1);
  made[0].sum().backward();  // the second output is never asked for
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(x.grad().equal((x * weight).cos().mul(weight).detach()));
  EXPECT_TRUE(weight.grad().equal((x * weight).cos().mul(x).detach()));
}

}  // namespace
}  // namespace sumi
