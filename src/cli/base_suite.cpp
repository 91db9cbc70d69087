#include "cli/base_suite.h"

#include <algorithm>
#include <chrono>

#include "cli/plain_unet.h"
#include "cli/random_model.h"
#include "core/files.h"
#include "pipelines/generate.h"

namespace sumi {
namespace {

constexpr double kGB = 1e9;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Runtime runtime_of(const BenchCommand& command) {
  return {command.machine.device, command.machine.threads, {}};
}

}  // namespace

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
  const auto run_ours = [&] { a = ours.forward(sample, timesteps, context); };
  const auto run_plain = [&] { b = plain.forward(sample, timesteps, context); };
  run_ours();  // warm
  run_plain();
  std::vector<double> ours_s, plain_s;
  for (int i = 0; i < command.repeats; ++i) {
    ours_s.push_back(seconds_of(run_ours));
    plain_s.push_back(seconds_of(run_plain));
  }
  return {{"value", median(plain_s) / median(ours_s)},
          {"seconds_ours", median(ours_s)},
          {"seconds_libtorch", median(plain_s)},
          {"largest_relative_difference", ((a - b).abs().max() / b.abs().max()).item<double>()}};
}

Json measure_txt2img_memory(const BenchCommand& command) {
  const auto runtime = runtime_of(command);
  start_torch(runtime);
  auto models = random_sd15();
  GenerateRequest request;
  request.prompt = "a red apple on a blue table";
  request.seed = 1;
  request.steps = 2;
  const auto pictures = generate(models, std::span(&request, 1), runtime);
  return {{"value", peak_memory_bytes()},
          {"width", pictures.front().image.width},
          {"height", pictures.front().image.height}};
}

Json measure_loading(const BenchCommand& command) {
  const auto runtime = runtime_of(command);
  start_torch(runtime);
  const TemporaryDirectory folder;
  const auto file = folder.path() / "sd15.safetensors";
  if (std::filesystem::space(folder.path()).available < 3 * kGB)
    throw Error(fmt::format("{} has no room for a checkpoint of 2 GB", folder.path().string()),
                "set TMPDIR to a folder with 3 GB");
  save_single_file(file, random_sd15_checkpoint(), DType::f16);
  GenerateRequest request;
  request.model = file.string();
  std::vector<double> seconds;
  for (int i = 0; i < command.repeats; ++i)
    seconds.push_back(seconds_of([&] { load_models(request, runtime); }));
  return {{"value", median(seconds)}, {"bytes", std::filesystem::file_size(file)}};
}

}  // namespace sumi
