// What a U-Net keeps from call to call, and what it may leave out.
#include <gtest/gtest.h>

#include <set>

#include "models/unet.h"

namespace sumi {
namespace {

UNetConfig small_unet() {
  UNetConfig c;
  c.block_out_channels = {8, 12};
  c.down_block_types = {"CrossAttnDownBlock2D", "DownBlock2D"};
  c.up_block_types = {"UpBlock2D", "CrossAttnUpBlock2D"};
  c.layers_per_block = {2, 1};
  c.norm_num_groups = 4;
  c.cross_attention_dim = {6, 6};
  c.transformer_layers_per_block = {1, 1};
  c.attention_head_dim = {2, 3};
  c.only_cross_attention = {false, false};
  return c;
}

Tensor drawn(at::IntArrayRef shape, std::uint64_t seed) {
  return torch::randn(shape, at::detail::createCPUGenerator(seed));
}

/// Random values everywhere, zero starts included.
UNet random_unet(const UNetConfig& config) {
  UNet unet(config);
  initialise(unet, 1);
  StateDict state;
  std::uint64_t seed = 1;
  for (const auto& [path, tensor] : state_of(unet))
    state[path] = tensor + 0.1 * drawn(tensor.sizes(), seed++);
  bind(unet, state, "random");
  return unet;
}

class KeptContext : public testing::TestWithParam<Precision> {};

TEST_P(KeptContext, GivesTheSameBitsAtEveryCall) {
  const torch::NoGradGuard no_grad;
  UNet unet = random_unet(small_unet());
  set_precision(unet, GetParam());
  const Tensor context = drawn({3, 5, 6}, 1);
  // Layers that are to take bytes are measured by their first call, which differs from later ones.
  unet.forward(drawn({3, 4, 5, 7}, 9), torch::full({3}, 900.0), context);
  const auto kept = AttendedContext::kept(context);
  for (int step = 0; step < 3; ++step) {
    const Tensor x = drawn({3, 4, 5, 7}, 10 + static_cast<std::uint64_t>(step));
    const Tensor time = torch::full({3}, 900.0 - 300 * step);
    EXPECT_TRUE(at::equal(unet.forward(x, time, kept), unet.forward(x, time, context))) << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, KeptContext,
                         testing::Values(Precision::fp32, Precision::int8));

TEST(KeptContext, IsMadeAnewForOtherWeightsAndPrecisions) {
  const torch::NoGradGuard no_grad;
  UNet unet = random_unet(small_unet());
  const Tensor x = drawn({1, 4, 6, 6}, 2), time = torch::tensor({500.0f});
  Tensor context = drawn({1, 5, 6}, 1);
  const auto kept = AttendedContext::kept(context);
  const auto same = [&] {
    return at::equal(unet.forward(x, time, kept), unet.forward(x, time, context));
  };
  Tensor before = unet.forward(x, time, kept);
  const auto changes = [&] {
    const Tensor now = unet.forward(x, time, kept);
    const bool changed = !at::equal(now, before);
    before = now;
    return changed;
  };
  for (const auto& [path, value] : unet.parameters())
    if (path.ends_with("attn2.to_v.weight")) value->mul_(2);
  EXPECT_TRUE(changes());
  EXPECT_TRUE(same());
  StateDict other;
  for (const auto& [path, value] : state_of(unet))
    other[path] = path.ends_with("attn2.to_k.weight") ? -value : value;
  bind(unet, other, "other");
  EXPECT_TRUE(changes());
  EXPECT_TRUE(same());
  context.add_(1);
  EXPECT_TRUE(changes());
  EXPECT_TRUE(same());
  set_precision(unet, Precision::int8);
  unet.forward(x, time, context);
  EXPECT_TRUE(same());
}

TEST(KeptContext, LeavesGradientsAlone) {
  UNet unet = random_unet(small_unet());
  set_requires_grad(unet, true);
  const Tensor x = drawn({1, 4, 6, 6}, 2), time = torch::tensor({500.0f});
  const auto kept = AttendedContext::kept(drawn({1, 5, 6}, 1));
  for (int call = 0; call < 2; ++call) {  // the second would find what the first kept
    for (const auto& [path, value] : unet.parameters()) value->mutable_grad() = Tensor();
    unet.forward(x, time, kept).square().sum().backward();
    for (const auto& [path, value] : unet.parameters())
      if (path.ends_with("attn2.to_k.weight") || path.ends_with("attn2.to_v.weight")) {
        EXPECT_TRUE(value->grad().defined()) << path;
      }
  }
}

/// The outermost layers, given what they were given by the whole network, make what it made.
TEST(DeepFeature, OfTheSameStepGivesTheSameBits) {
  const torch::NoGradGuard no_grad;
  auto plain = small_unet();
  plain.layers_per_block = {1, 1};
  for (const auto& config : {small_unet(), plain}) {
    const UNet unet = random_unet(config);
    for (const auto& [batch, height, width] :
         {std::tuple{1, 2, 2}, {3, 5, 7}, {2, 8, 4}, {1, 1, 1}}) {
      const Tensor x = drawn({batch, 4, height, width}, 3), context = drawn({batch, 5, 6}, 4);
      const Tensor time = torch::full({batch}, 400.0);
      Tensor deep;
      const Tensor whole = unet.forward(x, time, context, {.keep_deep = &deep});
      ASSERT_TRUE(deep.defined());
      EXPECT_TRUE(at::equal(whole, unet.forward(x, time, context)));
      EXPECT_TRUE(at::equal(whole, unet.forward(x, time, context, {.deep = deep})));
      const Tensor elsewhere = drawn(x.sizes(), 5);
      EXPECT_FALSE(at::equal(unet.forward(elsewhere, time, context, {.deep = deep}),
                             unet.forward(elsewhere, time, context)));
    }
  }
}

struct MergeCase {
  std::int64_t batch, height, width, channels;
  double ratio;
};

MergingSettings settings_of(const MergeCase& c) {
  MergingSettings how{c.ratio, {}};
  for (std::int64_t i = 0; i < c.batch; ++i) how.seeds.push_back(7 + static_cast<std::uint64_t>(i));
  return how;
}

constexpr MergeCase kMerges[] = {{1, 1, 1, 5, 0.5},   {1, 1, 9, 5, 0.5},  {3, 5, 7, 13, 0.5},
                                 {2, 8, 8, 40, 0.75}, {3, 6, 3, 1, 0.25}, {1, 4, 4, 8, 0.01}};

TEST(TokenMerge, EveryTokenIsPartOfOneMean) {
  for (const auto& c : kMerges) {
    const Tensor x = drawn({c.batch, c.height * c.width, c.channels}, 1);
    const TokenMerge merge(x, c.height, c.width, settings_of(c));
    const Tensor merged = merge.merge(x), back = merge.spread(merged);
    ASSERT_EQ(merged.size(1), merge.left());
    ASSERT_EQ(back.sizes(), x.sizes());
    // Which token became what, seen from outside: by spreading numbers.
    const Tensor number = torch::arange(merge.left(), torch::kFloat).view({1, -1, 1});
    const Tensor became = merge.spread(number.expand({c.batch, -1, 1}).contiguous());
    for (std::int64_t n = 0; n < c.batch; ++n)
      for (std::int64_t to = 0; to < merge.left(); ++to) {
        const Tensor members = x[n].index({became[n].squeeze(-1) == to});
        ASSERT_GT(members.size(0), 0);
        EXPECT_TRUE(at::allclose(merged[n][to], members.mean(0), 1e-5, 1e-6));
      }
  }
}

TEST(TokenMerge, LeavesAsManyAsAsked) {
  const auto left = [](std::int64_t height, std::int64_t width, double ratio) {
    return TokenMerge(drawn({1, height * width, 6}, 1), height, width, {ratio, {1}}).left();
  };
  EXPECT_EQ(left(8, 8, 0.5), 32);
  EXPECT_EQ(left(8, 8, 0.75), 16);
  EXPECT_EQ(left(8, 8, 0.1), 58);
  EXPECT_EQ(left(5, 5, 0.75), 7);
  EXPECT_EQ(left(1, 9, 0.75), 9);  // no window of 2 x 2, no destination
}

/// Tokens of two kinds: merging half of them mixes none, and nothing is lost.
TEST(TokenMerge, LikeTokensFindEachOther) {
  const Tensor kinds = drawn({2, 16}, 1);
  const Tensor left = (torch::arange(8) < 4).to(torch::kLong);
  const Tensor x = kinds.index_select(0, left.repeat({8})).unsqueeze(0);
  const TokenMerge merge(x, 8, 8, {0.75, {3}});
  EXPECT_LT((merge.spread(merge.merge(x)) - x).abs().max().item<double>(), 1e-6);
}

TEST(TokenMerge, AnItemDoesNotSeeItsBatch) {
  const Tensor x = drawn({3, 42, 10}, 1);
  const TokenMerge together(x, 6, 7, {0.5, {5, 6, 5}});
  const Tensor merged = together.merge(x);
  for (std::int64_t i = 0; i < 3; ++i) {
    const TokenMerge alone(x.narrow(0, i, 1), 6, 7, {0.5, {i == 1 ? 6u : 5u}});
    EXPECT_TRUE(at::equal(alone.merge(x.narrow(0, i, 1))[0], merged[i])) << i;
  }
}

TEST(TokenMerge, SeedsChooseOtherDestinations) {
  const Tensor x = drawn({1, 64, 10}, 1);
  const Tensor first = TokenMerge(x, 8, 8, {0.5, {1}}).merge(x);
  EXPECT_TRUE(at::equal(first, TokenMerge(x, 8, 8, {0.5, {1}}).merge(x)));
  EXPECT_FALSE(at::equal(first, TokenMerge(x, 8, 8, {0.5, {2}}).merge(x)));
}

/// Only the finest attention is merged, and a ratio of which nothing comes changes nothing.
TEST(TokenMerge, WithinTheNetwork) {
  const torch::NoGradGuard no_grad;
  const UNet unet = random_unet(small_unet());
  const Tensor x = drawn({2, 4, 5, 7}, 3), context = drawn({2, 5, 6}, 4);
  const Tensor time = torch::full({2}, 400.0);
  const auto merged = [&](double ratio) {
    return unet.forward(x, time, context, {.merging = {ratio, {1, 2}}});
  };
  const Tensor plain = unet.forward(x, time, context);
  EXPECT_TRUE(at::equal(merged(0), plain));
  EXPECT_TRUE(at::allclose(merged(0.01), plain, 1e-4, 1e-5));  // of 35 tokens none
  EXPECT_FALSE(at::allclose(merged(0.5), plain, 1e-4, 1e-5));
}

}  // namespace
}  // namespace sumi
