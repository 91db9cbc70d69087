#include "cli/drawing_peak.h"
#include "cli/measurement.h"
#include "cli/plain_unet.h"
#include "cli/random_model.h"
#include "core/files.h"
#include "pipelines/generate.h"

namespace sumi {
namespace {

/// A full-size U-Net of SD 1.5 (random weights, 512 x 512, batch of 2, fp32) against the same
/// layers as plain calls of LibTorch: how many times as fast ours is.
Json measure_unet(const BenchCommand& command) {
  const auto device = start_torch(runtime_of(command));
  const torch::NoGradGuard no_grad;
  UNet ours{UNetConfig{}};
  fill_at_random(ours);
  const PlainUNet plain(UNetConfig{}, state_of(ours));
  const auto sample = torch::randn({2, 4, 64, 64}).to(device);
  const auto timesteps = torch::full({2}, 500.0).to(device);
  const auto context = torch::randn({2, 77, 768}).to(device);
  Tensor a, b;
  const auto seconds =
      time_alternately([&] { a = ours.forward(sample, timesteps, context); },
                       [&] { b = plain.forward(sample, timesteps, context); }, command.repeats);
  return {{"value", seconds.theirs / seconds.ours},
          {"seconds_ours", seconds.ours},
          {"seconds_libtorch", seconds.theirs},
          {"largest_relative_difference", ((a - b).abs().max() / b.abs().max()).item<double>()}};
}

Json measure_fp32_peak(const BenchCommand& command) { return drawing_peak(command, "fp32"); }

/// Loading a checkpoint of SD 1.5 with 16-bit weights (2.1 GB) from the page cache until it can
/// draw.
Json measure_loading(const BenchCommand& command) {
  const auto runtime = runtime_of(command);
  start_torch(runtime);
  const TemporaryDirectory folder;
  const auto file = write_random_sd15(folder.path());
  GenerateRequest request;
  request.model = file.string();
  std::vector<double> seconds;
  for (int i = 0; i < command.repeats; ++i)
    seconds.push_back(seconds_of([&] { load_models(request, runtime); }));
  return {{"value", median(seconds)}, {"bytes", std::filesystem::file_size(file)}};
}

constexpr Measurement kBase[] = {
    {"ratios", "unet_sd15_vs_libtorch", measure_unet},
    {"bytes", "sd15_txt2img_peak", measure_fp32_peak},
    {"seconds", "load_2gb", measure_loading},
};

}  // namespace

std::span<const Measurement> base_suite() { return kBase; }

}  // namespace sumi
