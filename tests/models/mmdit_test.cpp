// The joint transformer: closed forms, shapes, gradients, and the same bits whatever the batch.
#include "models/mmdit.h"

#include <gmock/gmock.h>

#include <cmath>

#include "core/files.h"
#include "models/mmdit_cost.h"
#include "nn/kernels/byte_layers.h"
#include "nn/rms_norm.h"
#include "weights/checkpoint.h"

namespace sumi {
namespace {

MMDiTConfig small(int layers = 3) {
  MMDiTConfig c;
  c.sample_size = 8;
  c.in_channels = 3;
  c.out_channels = 4;
  c.num_layers = layers;
  c.attention_head_dim = 4;
  c.num_attention_heads = 2;
  c.joint_attention_dim = 6;
  c.caption_projection_dim = 8;
  c.pooled_projection_dim = 5;
  c.pos_embed_max_size = 6;
  c.dual_attention_layers = {0};
  c.qk_norm = "rms_norm";
  return c;
}

/// Wide enough for the kernels' vectors, so that both ways of computing are met.
MMDiTConfig wide() {
  auto c = small();
  c.attention_head_dim = 16;
  c.caption_projection_dim = 32;
  return c;
}

Tensor drawn(at::IntArrayRef shape, std::uint64_t seed) {
  return torch::randn(shape, at::detail::createCPUGenerator(seed));
}

/// Random values everywhere, zero starts included.
MMDiT random_network(const MMDiTConfig& config, torch::ScalarType dtype = torch::kFloat) {
  MMDiT network(config);
  initialise(network, 1);
  StateDict state;
  std::uint64_t seed = 0;
  for (const auto& [path, tensor] : state_of(network))
    state[path] = (tensor + 0.1 * drawn(tensor.sizes(), ++seed)).to(dtype);
  bind(network, state, "random", dtype);
  return network;
}

struct Inputs {
  Tensor sample, times, context, pooled;
};

Inputs inputs(const MMDiTConfig& c, std::int64_t rows, std::int64_t height, std::int64_t width) {
  return {drawn({rows, c.in_channels, height, width}, 11), 1000 * drawn({rows}, 12).abs(),
          drawn({rows, 3, c.joint_attention_dim}, 13), drawn({rows, c.pooled_projection_dim}, 14)};
}

Tensor run(const MMDiT& network, const Inputs& in, const MMDiTOptions& options = {}) {
  return network.forward(in.sample, in.times, in.context, in.pooled, options);
}

TEST(MMDiT, StartsClosed) {
  MMDiT network(small());
  initialise(network, 1);
  const auto in = inputs(small(), 2, 4, 6);
  Tensor embedded;
  const auto out = run(network, in, {.observe = [&](const std::string& part, const Tensor& x) {
                         if (part == "pos_embed") embedded = x.clone();
                         if (part == "transformer_blocks.2.sample") {
                           EXPECT_TRUE(x.equal(embedded));  // every branch is shut
                         }
                       }});
  ASSERT_TRUE(embedded.defined());
  EXPECT_EQ(out.abs().max().item<float>(), 0);
}

TEST(MMDiT, PlacesAreSinesAndCosinesAroundOneCentre) {
  const auto c = small();
  PatchEmbed embed(c);
  initialise(embed, 1);
  embed.set_places();
  const auto table = state_of(embed).at("pos_embed").view({6, 6, 8});
  for (const int row : {0, 2, 5})
    for (const int column : {0, 3, 5}) {
      // Six places over the four of training.
      const double y = row * 4 / 6.0, x = column * 4 / 6.0;
      const double expected[] = {std::sin(x), std::sin(x / 100), std::cos(x), std::cos(x / 100),
                                 std::sin(y), std::sin(y / 100), std::cos(y), std::cos(y / 100)};
      for (int i = 0; i < 8; ++i)
        EXPECT_NEAR(table[row][column][i].item<float>(), expected[i], 1e-6) << row << column << i;
    }
  StateDict blank = state_of(embed);
  blank["proj.weight"] = at::zeros_like(blank["proj.weight"]);
  blank["proj.bias"] = at::zeros_like(blank["proj.bias"]);
  bind(embed, blank, "places alone");
  const auto cut = embed.forward(at::zeros({1, 3, 4, 8})).view({2, 4, 8});
  EXPECT_TRUE(cut.equal(table.narrow(0, 2, 2).narrow(1, 1, 4)));
  EXPECT_THROW(embed.forward(at::zeros({1, 3, 14, 4})), Error);
}

TEST(MMDiT, OddSidesAreLengthenedByTheirLastPixels) {
  const auto network = random_network(small());
  for (const auto& [height, width] : {std::pair{5, 7}, {1, 1}, {8, 3}}) {
    auto in = inputs(small(), 2, height, width);
    const auto odd = run(network, in);
    EXPECT_EQ(odd.sizes(), (std::vector<std::int64_t>{2, 4, height, width}));
    in.sample = at::replication_pad2d(in.sample, {0, width % 2, 0, height % 2});
    EXPECT_TRUE(odd.equal(run(network, in).narrow(2, 0, height).narrow(3, 0, width)));
  }
}

TEST(MMDiT, PatchesComeOutWhereTheyWentIn) {
  // With one block shut and proj_out reading only its input, a patch changes nothing but itself.
  auto c = small(1);
  c.dual_attention_layers = {};
  MMDiT network(c);
  initialise(network, 3);
  StateDict state = state_of(network);
  state["proj_out.weight"] = drawn(state["proj_out.weight"].sizes(), 5);
  bind(network, state, "open end");
  auto in = inputs(c, 1, 6, 8);
  const auto before = run(network, in);
  in.sample = in.sample.clone();
  in.sample.narrow(2, 2, 2).narrow(3, 4, 2).add_(1);
  auto changed = (run(network, in) - before).abs().amax({0, 1}).gt(0);
  EXPECT_TRUE(changed.narrow(0, 2, 2).narrow(1, 4, 2).all().item<bool>());
  EXPECT_EQ(changed.sum().item<std::int64_t>(), 4);
}

TEST(MMDiT, KernelsAgreeWithPlainTorch) {
  for (const auto& config : {wide(), small()}) {
    const auto network = random_network(config), precise = random_network(config, torch::kDouble);
    for (const auto& [height, width] : {std::pair{4, 10}, {7, 5}, {12, 12}}) {
      const auto in = inputs(config, 2, height, width);
      const torch::NoGradGuard no_gradients;
      const auto exact =
          precise.forward(in.sample.to(torch::kDouble), in.times, in.context.to(torch::kDouble),
                          in.pooled.to(torch::kDouble));
      const auto error = (run(network, in) - exact).abs().max() / exact.abs().max();
      EXPECT_LT(error.item<double>(), 1e-5) << height << 'x' << width;
    }
  }
}

TEST(MMDiT, AnItemOfABatchIsTheItemAlone) {
  const torch::NoGradGuard no_gradients;
  const auto network = random_network(wide());
  const auto in = inputs(wide(), 3, 7, 10);
  const auto together = run(network, in);
  for (std::int64_t i = 0; i < 3; ++i) {
    const Inputs one = {in.sample.narrow(0, i, 1), in.times.narrow(0, i, 1),
                        in.context.narrow(0, i, 1), in.pooled.narrow(0, i, 1)};
    EXPECT_TRUE(together[i].equal(run(network, one)[0])) << i;
  }
}

TEST(MMDiT, Int8StaysNearAndKeepsItemsApart) {
  if (!multiplies_bytes()) GTEST_SKIP() << "this processor has no VNNI";
  const torch::NoGradGuard no_gradients;
  auto config = wide();
  config.attention_head_dim = 64;
  config.caption_projection_dim = 128;
  auto network = random_network(config);
  const auto in = inputs(config, 2, 8, 12);
  const auto exact = run(network, in);
  set_precision(network, Precision::int8);
  run(network, in);  // measures the layers
  const auto coded = run(network, in);
  EXPECT_FALSE(coded.equal(exact));
  EXPECT_LT(((coded - exact).norm() / exact.norm()).item<double>(), 0.1);
  for (std::int64_t i = 0; i < 2; ++i) {
    const Inputs one = {in.sample.narrow(0, i, 1), in.times.narrow(0, i, 1),
                        in.context.narrow(0, i, 1), in.pooled.narrow(0, i, 1)};
    EXPECT_TRUE(coded[i].equal(run(network, one)[0])) << i;
  }
}

TEST(MMDiT, FirstBlockCachingGivesTheSameAtTheSameStep) {
  const torch::NoGradGuard no_gradients;
  const auto network = random_network(wide());
  const auto in = inputs(wide(), 2, 6, 6);
  Tensor deep;
  const auto whole = run(network, in, {.keep_deep = &deep});
  ASSERT_TRUE(deep.defined());
  EXPECT_GT(deep.abs().max().item<float>(), 0.1);
  int blocks = 0;
  const auto again = run(network, in,
                         {.observe = [&](const std::string& part,
                                         const Tensor&) { blocks += part.ends_with(".sample"); },
                          .deep = deep});
  EXPECT_EQ(blocks, 0 + 1);
  EXPECT_LT((again - whole).abs().max().item<float>(), 1e-5);
}

TEST(MMDiT, Gradients) {
  torch::manual_seed(1);
  for (const auto* norm : {"rms_norm", ""}) {
    auto config = small();
    config.qk_norm = norm;
    auto network = random_network(config, torch::kDouble);
    set_requires_grad(network, true);
    auto in = inputs(config, 2, 5, 6);
    for (Tensor* t : {&in.sample, &in.context, &in.pooled}) *t = t->to(torch::kDouble);
    const auto weight = at::randn_like(run(network, in).detach());
    const auto loss = [&] { return (run(network, in) * weight).sum(); };
    loss().backward();
    constexpr double step = 1e-5;
    for (const auto& [path, parameter] : network.parameters()) {
      ASSERT_TRUE(parameter->grad().defined()) << path << " gets no gradient";
      const auto direction = at::randn_like(*parameter);
      const double expected = (parameter->grad() * direction).sum().item<double>();
      const torch::NoGradGuard no_gradients;
      parameter->add_(direction, step);
      const double above = loss().item<double>();
      parameter->add_(direction, -2 * step);
      const double below = loss().item<double>();
      parameter->add_(direction, step);
      EXPECT_NEAR((above - below) / (2 * step), expected, 1e-6 * (1 + std::abs(expected))) << path;
    }
  }
}

/// Output and gradients of every parameter and of the inputs.
std::vector<Tensor> pass(MMDiT& network, bool twice) {
  auto in = inputs(wide(), 3, 6, 7);
  for (Tensor* t : {&in.sample, &in.context, &in.pooled}) t->requires_grad_(true);
  const auto made = run(network, in, {.recompute_blocks = twice});
  (made * drawn(made.sizes(), 20)).sum().backward();
  std::vector<Tensor> seen = {made.detach(), in.sample.grad(), in.context.grad(), in.pooled.grad()};
  for (const auto& [name, slot] : network.parameters()) {
    seen.push_back(slot->grad().clone());
    slot->mutable_grad() = Tensor();
  }
  return seen;
}

TEST(MMDiT, RecomputedBlocksGiveTheSameBits) {
  auto network = random_network(wide());
  set_requires_grad(network, true);
  const auto plain = pass(network, false), twice = pass(network, true);
  ASSERT_EQ(plain.size(), twice.size());
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_TRUE(plain[i].equal(twice[i])) << i;
}

TEST(MMDiT, ConfigsThatDoNotFitAreRefused) {
  const auto error_of = [](const std::function<void(MMDiTConfig&)>& change) {
    auto config = small();
    change(config);
    try {
      config.check("transformer");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(error_of([](auto&) {}), "");
  EXPECT_THAT(error_of([](auto& c) { c.caption_projection_dim = 9; }),
              testing::HasSubstr("caption_projection_dim"));
  EXPECT_THAT(error_of([](auto& c) { c.qk_norm = "layer_norm"; }), testing::HasSubstr("qk_norm"));
  EXPECT_THAT(error_of([](auto& c) { c.dual_attention_layers = {3}; }), testing::HasSubstr("3"));
  EXPECT_THAT(error_of([](auto& c) { c.pos_embed_max_size = 3; }),
              testing::HasSubstr("pos_embed_max_size"));
  EXPECT_THAT(error_of([](auto& c) { c.num_layers = 0; }), testing::HasSubstr("num_layers"));
}

TEST(MMDiT, ReadsThePublishedConfig) {
  const Json published = {{"_class_name", "SD3Transformer2DModel"},
                          {"num_layers", 2},
                          {"num_attention_heads", 2},
                          {"caption_projection_dim", 128},
                          {"dual_attention_layers", Json::array({0})},
                          {"qk_norm", "rms_norm"}};
  const auto config = read_model_config<MMDiTConfig>(published, "config.json");
  EXPECT_EQ(config.dual_attention_layers, std::vector<int>{0});
  EXPECT_TRUE(config.is_dual(0));
  EXPECT_FALSE(config.is_dual(1));
  auto plain = published;
  plain["qk_norm"] = nullptr;
  plain.erase("dual_attention_layers");
  EXPECT_EQ(read_model_config<MMDiTConfig>(plain, "config.json").qk_norm, "");
  EXPECT_TRUE(read_model_config<MMDiTConfig>(plain, "config.json").dual_attention_layers.empty());
}

/// The layout of the original release, whose modulations have two orders, there and back.
TEST(MMDiT, ASingleFileGivesTheSameNumbers) {
  const torch::NoGradGuard no_gradients;
  const TemporaryDirectory folder;
  for (const auto& config : {small(), small(1)}) {
    const auto network = random_network(config);
    Checkpoint checkpoint;
    checkpoint.family = "sd3";
    checkpoint.components["transformer"] = state_of(network);
    const auto file = folder.path() / "model.safetensors";
    save_single_file(file, checkpoint);
    const auto read = open_checkpoint(file);
    EXPECT_EQ(read.family, "sd3");
    MMDiT other(config);
    bind(other, read.components.at("transformer"), "read back");
    const auto in = inputs(config, 1, 4, 4);
    EXPECT_TRUE(run(other, in).equal(run(network, in)));
  }
}

TEST(RmsNorm, DividesByTheRootOfTheMeanSquare) {
  RmsNorm norm(3, 0);
  initialise(norm, 1);
  StateDict state = {{"weight", torch::tensor({1.0f, 2.0f, -1.0f})}};
  bind(norm, state, "norm");
  const auto out = norm.forward(torch::tensor({{1.0f, 5.0f, -7.0f}}));
  EXPECT_TRUE(at::allclose(out, torch::tensor({{0.2f, 2.0f, 1.4f}})));
  const auto x = drawn({2, 4, 6}, 1);
  const auto heads = norm.forward_heads(x);
  EXPECT_TRUE(heads.narrow(2, 3, 3).equal(norm.forward(x.narrow(2, 3, 3))));
}

/// One block's operations by hand.
TEST(MMDiTCost, CountsItsProducts) {
  auto c = small(1);
  c.dual_attention_layers = {};
  const double d = 8, p = 6, t = 3;
  const double by_hand = 8 * 2 * d * d                        // modulations: 6 and 2
                         + (p + t) * 3 * 2 * d * d            // queries, keys, values
                         + p * 2 * d * d + p * 8 * 2 * d * d  // back, feed-forward
                         + 4 * (p + t) * (p + t) * d          // scores and their sums
                         + p * 2 * 4 * d * (3 + 4)            // patches in and out
                         + t * 2 * d * 6 + 2 * 2 * d * d;     // text in; the last norm
  EXPECT_DOUBLE_EQ(mmdit_cost(c, 1, 6, 4, 3, false).operations, by_hand);
  EXPECT_DOUBLE_EQ(mmdit_cost(c, 2, 6, 4, 3, false).operations, 2 * by_hand);
  EXPECT_GT(mmdit_cost(c, 1, 6, 4, 3, false).activation_bytes,
            mmdit_cost(c, 1, 6, 4, 3, true).activation_bytes);
}

}  // namespace
}  // namespace sumi
