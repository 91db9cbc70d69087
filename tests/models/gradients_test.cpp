// Networks small enough to compare their gradients with finite differences, in double.

#include <gtest/gtest.h>

#include <cmath>

#include "models/clip_text.h"
#include "models/tiny_vae.h"
#include "models/unet.h"
#include "models/vae.h"

namespace sumi {
namespace {

UNetConfig small_unet() {
  UNetConfig c;
  c.block_out_channels = {8, 12};
  c.down_block_types = {"CrossAttnDownBlock2D", "DownBlock2D"};
  c.up_block_types = {"UpBlock2D", "CrossAttnUpBlock2D"};
  c.layers_per_block = {1, 1};
  c.norm_num_groups = 4;
  c.cross_attention_dim = {6, 6};
  c.transformer_layers_per_block = {1, 1};
  c.attention_head_dim = {2, 3};
  c.only_cross_attention = {false, false};
  c.time_cond_proj_dim = 5;
  return c;
}

VaeConfig small_vae() {
  VaeConfig c;
  c.block_out_channels = {4, 8};
  c.down_block_types = {"DownEncoderBlock2D", "DownEncoderBlock2D"};
  c.up_block_types = {"UpDecoderBlock2D", "UpDecoderBlock2D"};
  c.layers_per_block = 1;
  c.norm_num_groups = 2;
  c.latent_channels = 2;
  return c;
}

ClipTextConfig small_text() {
  ClipTextConfig c;
  c.vocab_size = 11;
  c.hidden_size = 8;
  c.intermediate_size = 12;
  c.num_hidden_layers = 2;
  c.num_attention_heads = 2;
  c.max_position_embeddings = 6;
  c.projection_dim = 3;
  c.with_projection = true;
  return c;
}

/// Random values everywhere, zero starts included, in double.
void randomise(Module& module) {
  initialise(module, 1);
  StateDict state;
  for (const auto& [path, tensor] : state_of(module))
    state[path] = tensor.to(torch::kDouble) + 0.1 * at::randn(tensor.sizes(), torch::kDouble);
  bind(module, state, "random", torch::kDouble);
}

/// Every parameter's gradient against the central difference along a random direction.
void check_gradients(Module& module, const std::function<Tensor()>& output) {
  set_requires_grad(module, true);
  const auto weight = at::randn_like(output().detach());
  const auto loss = [&] { return (output() * weight).sum(); };
  loss().backward();
  constexpr double step = 1e-5;
  for (const auto& [path, parameter] : module.parameters()) {
    ASSERT_TRUE(parameter->grad().defined()) << path << " gets no gradient";
    const auto direction = at::randn_like(*parameter);
    const double expected = (parameter->grad() * direction).sum().item<double>();
    const torch::NoGradGuard no_gradients;
    parameter->add_(direction, step);
    const double above = loss().item<double>();
    parameter->add_(direction, -2 * step);
    const double below = loss().item<double>();
    parameter->add_(direction, step);
    const double measured = (above - below) / (2 * step);
    EXPECT_NEAR(measured, expected, 1e-6 * (1 + std::abs(expected))) << path;
  }
}

/// Without gradients buffers are reused; the numbers must not change.
void check_inference(const std::function<Tensor()>& output) {
  const auto trained = output().detach();
  const torch::InferenceMode no_gradients;
  EXPECT_LT((output() - trained).abs().max().item<double>(), 1e-12);
}

TEST(Gradients, UNet) {
  torch::manual_seed(1);
  UNet unet(small_unet());
  randomise(unet);
  const auto options = torch::dtype(torch::kDouble);
  // Odd sides: the way up has to follow the sizes of the way down.
  const auto sample = at::randn({2, 4, 5, 6}, options), context = at::randn({2, 3, 6}, options);
  const auto condition = at::randn({2, 5}, options), times = torch::tensor({3.0, 700.5});
  const auto output = [&] {
    return unet.forward(sample, times, context, {.timestep_cond = condition});
  };
  check_gradients(unet, output);
  check_inference(output);
}

TEST(Gradients, UNetWithPlainMiddleAndLinearProjections) {
  torch::manual_seed(5);
  auto config = small_unet();
  config.mid_block_type = "UNetMidBlock2D";
  config.use_linear_projection = true;
  config.only_cross_attention = {true, false};
  config.time_cond_proj_dim = 0;
  config.block_out_channels = {8, 8, 12};
  config.down_block_types = {"DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"};
  config.up_block_types = {"CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"};
  config.layers_per_block = {1, 2, 1};
  config.cross_attention_dim = {6, 6, 6};
  config.transformer_layers_per_block = {1, 2, 1};
  config.attention_head_dim = {1, 2, 3};
  config.only_cross_attention = {true, true, false};
  UNet unet(config);
  randomise(unet);
  const auto options = torch::dtype(torch::kDouble);
  const auto sample = at::randn({1, 4, 4, 8}, options), context = at::randn({1, 3, 6}, options);
  const auto output = [&] { return unet.forward(sample, torch::tensor({10.0}), context); };
  check_gradients(unet, output);
  check_inference(output);
}

TEST(Gradients, Autoencoder) {
  torch::manual_seed(2);
  AutoencoderKL vae(small_vae());
  randomise(vae);
  const auto image = at::randn({2, 3, 6, 4}, torch::kDouble);
  const auto noise = at::randn({2, 2, 3, 2}, torch::kDouble);
  const auto output = [&] { return vae.decode(sample_moments(vae.encode_moments(image), noise)); };
  check_gradients(vae, output);
  check_inference(output);
}

TEST(Gradients, TinyAutoencoder) {
  torch::manual_seed(3);
  TinyVaeConfig config;
  config.encoder_block_out_channels = config.decoder_block_out_channels = {4, 4};
  config.num_encoder_blocks = config.num_decoder_blocks = {1, 1};
  TinyAutoencoder vae(config);
  randomise(vae);
  const auto image = at::randn({1, 3, 6, 4}, torch::kDouble);
  const auto output = [&] { return vae.decode(vae.encode(image)); };
  check_gradients(vae, output);
  check_inference(output);
}

TEST(Gradients, ClipText) {
  for (const auto* activation : {"quick_gelu", "gelu"}) {
    torch::manual_seed(4);
    auto config = small_text();
    config.hidden_act = activation;
    ClipTextModel text(config);
    randomise(text);
    const auto ids = torch::tensor({{9, 1, 2, 10, 0, 0}, {9, 10, 4, 5, 6, 7}}, torch::kLong);
    const auto output = [&] {
      const auto out = text.forward(ids);
      return at::cat({out.last_hidden.flatten(), out.text_embeds.flatten()});
    };
    check_gradients(text, output);
    check_inference(output);
  }
}

TEST(ClipText, PoolsAtTheNamedEnd) {
  auto config = small_text();
  const auto ids = torch::tensor({{9, 1, 10, 4, 4, 4}}, torch::kLong);
  for (const auto& [end_id, place] : {std::pair{2, 2}, {10, 2}, {4, 3}}) {
    config.eos_token_id = end_id;
    ClipTextModel text(config);
    initialise(text, 1);
    const auto out = text.forward(ids);
    EXPECT_TRUE(at::equal(out.pooled[0], out.last_hidden[0][place]));
  }
  ClipTextModel text(config);
  initialise(text, 1);
  EXPECT_THROW(text.forward(at::zeros({1, 7}, torch::kLong)), Error);
}

TEST(UNetStart, AddsNothingAtFirst) {
  UNet unet(small_unet());
  initialise(unet, 1);
  const auto out = unet.forward(at::randn({1, 4, 4, 4}), torch::tensor({5.0f}),
                                at::randn({1, 2, 6}), {.timestep_cond = at::randn({1, 5})});
  EXPECT_EQ(out.abs().max().item<float>(), 0);
}

}  // namespace
}  // namespace sumi
