#include "cli/step_share.h"

#include "cli/measurement.h"
#include "core/files.h"
#include "core/paths.h"
#include "models/configs.h"
#include "models/cost.h"
#include "models/diffusion_network.h"
#include "models/mmdit_cost.h"
#include "nn/bf16_products.h"
#include "training/optimiser.h"

namespace sumi {
namespace {

/// What one step learns from.
struct Load {
  std::int64_t batch, side, channels, tokens, width, pooled;
};

/// A network in training on a device.
class Step {
 public:
  Step(DiffusionNetwork network, const Load& load, torch::Device device)
      : network_(placed(std::move(network), device)),
        parameters_(network_.parameters()),
        optimiser_(parameters_, {}) {
    const auto on = torch::TensorOptions().device(device);
    sample_ = at::randn({load.batch, load.channels, load.side, load.side}, on);
    target_ = at::randn_like(sample_);
    timesteps_ = at::rand({load.batch}, on) * 1000;
    context_ = at::randn({load.batch, load.tokens, load.width}, on);
    pooled_ = at::randn({load.batch, load.pooled}, on);
  }

  void run() {
    const Bf16Products products(true);
    parameters_.clear_gradients();
    const Tensor made = network_.forward(sample_, timesteps_, {context_, pooled_});
    const Tensor loss = (made - target_).square().mean();
    loss.backward();
    optimiser_.step(1e-4, 1);
    loss.item<double>();  // waits for a GPU
  }

 private:
  static DiffusionNetwork placed(DiffusionNetwork network, torch::Device device) {
    initialise(network, 1);
    place(network, device);
    return network;
  }

  DiffusionNetwork network_;
  ParameterBuffer parameters_;
  Optimiser optimiser_;
  Tensor sample_, target_, timesteps_, context_, pooled_;
};

/// Operations per second of a large product of bfloat16 matrices.
double matrix_rate(torch::Device device, int repeats) {
  const torch::NoGradGuard no_grad;
  const std::int64_t side = device.is_cpu() ? 2048 : 8192, products = device.is_cpu() ? 1 : 20;
  const auto on = torch::TensorOptions().device(device).dtype(torch::kBFloat16);
  const auto a = at::randn({side, side}, on), b = at::randn({side, side}, on);
  auto c = torch::mm(a, b);
  double best = 0;
  for (int i = 0; i < repeats + 1; ++i) {
    const double seconds = seconds_of([&] {
      for (std::int64_t k = 0; k < products; ++k) torch::mm_out(c, a, b);
      c[0][0].item<double>();
    });
    best = std::max(best, 2.0 * static_cast<double>(products * side * side * side) / seconds);
  }
  return best;
}

Json share_of(Step& step, const Load& load, double forward_operations, torch::Device device,
              int repeats, const char* rate_name) {
  step.run();
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i) seconds.push_back(seconds_of([&] { step.run(); }));
  const double rate = matrix_rate(device, repeats), taken = median(seconds);
  return {{"value", 3 * forward_operations / taken / rate},
          {"seconds", taken},
          {"matrix_gflops_bf16", rate / 1e9},
          {"also", {{"rates", {{rate_name, static_cast<double>(load.batch) / taken}}}}}};
}

/// The U-Net that comes with Sumi.
UNetConfig default_unet() {
  const auto file = model_path("default") / "unet" / "config.json";
  return read_unet_config(read_json(file), file.string());
}

/// The transformer of recipes/default/transformer.json.
MMDiTConfig default_transformer() {
  MMDiTConfig config;
  config.sample_size = 16;
  config.in_channels = config.out_channels = 8;
  config.num_layers = 8;
  config.num_attention_heads = 4;
  config.caption_projection_dim = config.width();
  config.joint_attention_dim = config.pooled_projection_dim = 192;
  config.pos_embed_max_size = 32;
  config.qk_norm = "rms_norm";
  return config;
}

}  // namespace

bool on_processor(const BenchCommand& command) { return command.machine.device == "cpu"; }

Json measure_unet_share(const BenchCommand& command) {
  const auto device = start_torch(runtime_of(command));
  UNetConfig config;
  Load load{8, 64, 4, 77, 768, 1};
  if (device.is_cpu()) {
    config = default_unet();
    load = {32, config.sample_size, config.in_channels, 40, config.cross_attention_dim.front(), 1};
  }
  Step step(UNet(config), load, device);
  const double operations =
      unet_cost(config, load.batch, load.side, load.side, load.tokens, false).operations;
  return share_of(step, load, operations, device, command.repeats, "unet_samples_per_second");
}

Json measure_transformer_share(const BenchCommand& command) {
  const auto device = start_torch(runtime_of(command));
  MMDiTConfig config;
  std::int64_t batch = 64, tokens = 77;
  if (device.is_cpu()) {
    config = default_transformer();
    batch = 32, tokens = 40;
  } else {
    config.sample_size = 32;
    config.num_attention_heads = 16;
    config.caption_projection_dim = config.width();
    config.joint_attention_dim = config.pooled_projection_dim = 768;
    config.qk_norm = "rms_norm";
  }
  const Load load{batch,  config.sample_size,         config.in_channels,
                  tokens, config.joint_attention_dim, config.pooled_projection_dim};
  Step step(MMDiT(config), load, device);
  const double operations =
      mmdit_cost(config, load.batch, load.side, load.side, load.tokens, false).operations;
  return share_of(step, load, operations, device, command.repeats,
                  "transformer_samples_per_second");
}

}  // namespace sumi
