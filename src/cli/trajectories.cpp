#include "cli/trajectories.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>

#include "media/compare.h"
#include "pipelines/generate.h"

namespace sumi {
namespace {

constexpr double kEqual_db = 99;

constexpr const char* kPrompts[] = {
    "a 3d render of a red apple on a blue background",
    "a drawing of a yellow fish",
    "a green tree on a white background",
    "a black cat and an orange ball",
};
constexpr std::int64_t kSeeds = 3;

Tensor drawn(at::IntArrayRef shape, std::uint64_t seed) {
  return torch::randn(shape, at::detail::createCPUGenerator(seed));
}

Conditioning hears(std::uint64_t seed) {
  Conditioning conditioning;
  conditioning.branches = {{1, {{1000, drawn({1, 77, 768}, seed)}}}};
  return conditioning;
}

}  // namespace

double snr_db(const Tensor& exact, const Tensor& other) {
  const double error = (exact - other).square().sum().item<double>();
  return error > 0 ? 10 * std::log10(exact.square().sum().item<double>() / error) : kEqual_db;
}

std::vector<GenerateRequest> measured_requests(const GenerateRequest& like) {
  std::vector<GenerateRequest> requests;
  for (const char* prompt : kPrompts)
    for (std::int64_t seed = 1; seed <= kSeeds; ++seed) {
      requests.push_back(like);
      requests.back().prompt = prompt;
      requests.back().seed = seed;
      requests.back().batch_size = 1;
    }
  return requests;
}

std::vector<Image> draw_one_by_one(ModelSet& models, std::span<const GenerateRequest> requests,
                                   const Runtime& runtime) {
  std::vector<Image> images;
  for (auto& picture : generate(models, requests, runtime))
    images.push_back(std::move(picture.image));
  return images;
}

Json compare_pictures(std::span<const Image> exact, std::span<const Image> other) {
  double error = 0, likeness = 0, worst_db = kEqual_db;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    error += mean_squared_error(exact[i], other[i]);
    likeness += ssim(exact[i], other[i]);
    worst_db = std::min(worst_db, psnr_db(exact[i], other[i]));
  }
  const auto count = static_cast<double>(exact.size());
  return {{"psnr_db", error > 0 ? 10 * std::log10(255.0 * 255.0 * count / error) : kEqual_db},
          {"psnr_db_worst", worst_db},
          {"ssim", likeness / count}};
}

Tensor latents_of(const UNet& unet, int steps, GuidanceSettings guidance, Savings savings) {
  const torch::NoGradGuard no_grad;
  const Plan plan = make_plan(ScheduleConfig{}, find_sampler("DDIM"), steps);
  auto position = std::make_shared<StepPosition>();
  savings.seeds = {1};
  auto denoise = track_steps(plan.denoiser(guided_network(unet, {{hears(1), hears(2)}}, guidance,
                                                          position, {}, false, savings)),
                             plan.levels, position, {});
  return plan.run(denoise, drawn({1, 4, 64, 64}, 3) * plan.initial_scale);
}

}  // namespace sumi
