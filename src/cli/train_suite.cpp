#include <torch/optim/adamw.h>

#include <random>

#include "cli/measurement.h"
#include "cli/plain_unet.h"
#include "cli/step_share.h"
#include "core/files.h"
#include "data/loader.h"
#include "models/cost.h"
#include "models/unet.h"
#include "nn/module.h"
#include "training/optimiser.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;

constexpr int kBatch = 32, kLatent = 16, kTokens = 32, kWidth = 192;
constexpr int kPictures = 64, kPicturePx = 64;

/// The U-Net of recipes/default/text_to_image.json.
UNetConfig default_unet() {
  UNetConfig config;
  config.sample_size = kLatent;
  config.down_block_types = {"DownBlock2D", "CrossAttnDownBlock2D"};
  config.up_block_types = {"CrossAttnUpBlock2D", "UpBlock2D"};
  config.only_cross_attention = {false, false};
  config.block_out_channels = {96, 192};
  config.layers_per_block = {1, 1};
  config.norm_num_groups = 8;
  config.cross_attention_dim = {kWidth, kWidth};
  config.transformer_layers_per_block = {1, 1};
  config.attention_head_dim = {4, 6};
  return config;
}

/// One batch, the same for both sides.
struct Example {
  Tensor sample = torch::randn({kBatch, 4, kLatent, kLatent});
  Tensor target = torch::randn({kBatch, 4, kLatent, kLatent});
  Tensor timesteps = torch::rand({kBatch}) * 1000;
  Tensor context = torch::randn({kBatch, kTokens, kWidth});
};

/// Our network with our optimiser over one buffer.
class OurStep {
 public:
  OurStep() : unet_(initialised()), parameters_(unet_.parameters()), optimiser_(parameters_, {}) {}

  /// Copies of the weights, as plain calls take them.
  StateDict weights() const {
    StateDict copies;
    for (const auto& [name, tensor] : state_of(unet_)) copies[name] = tensor.detach().clone();
    return copies;
  }

  double step(const Example& example) {
    parameters_.clear_gradients();
    const auto made = unet_.forward(example.sample, example.timesteps, example.context);
    const auto loss = (made - example.target).square().mean();
    loss.backward();
    optimiser_.step(1e-4, 1);
    return loss.item<double>();
  }

 private:
  static UNet initialised() {
    UNet unet(default_unet());
    initialise(unet, 1);
    return unet;
  }

  UNet unet_;
  ParameterBuffer parameters_;
  Optimiser optimiser_;
};

/// The same network as plain calls, trained by LibTorch's own AdamW with the same numbers.
class PlainStep {
 public:
  explicit PlainStep(StateDict weights)
      : unet_(default_unet(), trainable(weights)), optimiser_(leaves(weights), options()) {}

  double step(const Example& example) {
    optimiser_.zero_grad();
    const auto made = unet_.forward(example.sample, example.timesteps, example.context);
    const auto loss = (made - example.target).square().mean();
    loss.backward();
    optimiser_.step();
    return loss.item<double>();
  }

 private:
  static StateDict trainable(StateDict& weights) {
    for (auto& [name, tensor] : weights) tensor.requires_grad_(true);
    return weights;
  }
  static std::vector<Tensor> leaves(const StateDict& weights) {
    std::vector<Tensor> tensors;
    for (const auto& [name, tensor] : weights) tensors.push_back(tensor);
    return tensors;
  }
  static torch::optim::AdamWOptions options() {
    return torch::optim::AdamWOptions(1e-4).betas({0.9, 0.99}).weight_decay(0.01);
  }

  PlainUNet unet_;
  torch::optim::AdamW optimiser_;
};

/// Products and sums per second of a large fp32 product of matrices.
double matrix_rate(int repeats) {
  constexpr std::int64_t kSide = 2048;
  const torch::NoGradGuard no_grad;
  const auto a = torch::randn({kSide, kSide}), b = torch::randn({kSide, kSide});
  auto c = torch::mm(a, b);
  double best = 0;
  for (int i = 0; i < repeats; ++i)
    best =
        std::max(best, 2.0 * kSide * kSide * kSide / seconds_of([&] { torch::mm_out(c, a, b); }));
  return best;
}

/// A training step of the default model's U-Net (batch of 32, forward, backward, AdamW) against the
/// same through plain LibTorch; what share of the machine's fp32 matrix rate it reaches, with three
/// forward passes' operations for a step.
Json measure_step(const BenchCommand& command) {
  start_torch(runtime_of(command));
  const Example example;
  OurStep ours;
  PlainStep plain(ours.weights());
  const double first_ours = ours.step(example), first_plain = plain.step(example);
  const auto seconds =
      time_alternately([&] { ours.step(example); }, [&] { plain.step(example); }, command.repeats);
  const double operations =
      3 * unet_cost(default_unet(), kBatch, kLatent, kLatent, kTokens, false).operations;
  const double rate = matrix_rate(command.repeats);
  return {{"value", seconds.theirs / seconds.ours},
          {"seconds_ours", seconds.ours},
          {"seconds_libtorch", seconds.theirs},
          {"matrix_gflops", rate / 1e9},
          {"relative_difference_of_loss", std::abs(first_ours / first_plain - 1)},
          {"also",
           {{"ratios", {{"share_of_matrix_rate", operations / seconds.ours / rate}}},
            {"rates", {{"samples_per_second", kBatch / seconds.ours}}}}}};
}

/// A folder of noise of our own, as PNG files of the size the default model is taught on.
std::string write_pictures(const fs::path& folder) {
  std::mt19937 random(1);
  fs::create_directories(folder / "pictures");
  for (int i = 0; i < kPictures; ++i) {
    Image picture{kPicturePx, kPicturePx, 3, {}};
    for (int k = 0; k < kPicturePx * kPicturePx * 3; ++k)
      picture.pixels.push_back(static_cast<std::uint8_t>(random() >> 24));
    const auto file = folder / "pictures" / fmt::format("{}.png", i);
    save_image(file, picture);
    write_file(fs::path(file).replace_extension(".txt"), fmt::format("picture {}", i));
  }
  const Json world = {{"folders", Json::array({{{"path", "pictures"}}})}, {"size_px", kPicturePx}};
  write_file(folder / "world.json", world.dump());
  return (folder / "world.json").string();
}

/// Samples that one loader thread makes in the time in which a step learns from one.
Json measure_loader(const BenchCommand& command) {
  start_torch(runtime_of(command));
  const TemporaryDirectory folder;
  const auto config = read_dataset_config(write_pictures(folder.path()));
  const Dataset dataset(config, folder.path() / "cache");
  Loader loader(samples_of(dataset), {.batch_size = kBatch, .ahead = kBatch});
  loader.next();
  std::vector<double> loading, training;
  const Example example;
  OurStep ours;
  ours.step(example);
  for (int i = 0; i < command.repeats; ++i) {
    // More than was read ahead while the step ran.
    loading.push_back(seconds_of([&] {
                        for (int k = 0; k < 16; ++k) loader.next();
                      }) /
                      15);
    training.push_back(seconds_of([&] { ours.step(example); }));
  }
  return {{"value", median(training) / median(loading)},
          {"loaded_per_second", kBatch / median(loading)},
          {"trained_per_second", kBatch / median(training)}};
}

constexpr Measurement kTrain[] = {
    {"ratios", "train_step_vs_libtorch", measure_step, on_processor},
    {"ratios", "unet_share_of_bf16_rate", measure_unet_share},
    {"ratios", "transformer_share_of_bf16_rate", measure_transformer_share},
    {"ratios", "loader_samples_per_trained_sample", measure_loader, on_processor},
};

}  // namespace

std::span<const Measurement> train_suite() { return kTrain; }

}  // namespace sumi
