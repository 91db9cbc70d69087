#include "cli/measurement.h"
#include "cli/random_model.h"
#include "cli/trajectories.h"
#include "nn/kernels/byte_layers.h"
#include "pipelines/generate.h"

namespace sumi {
namespace {

/// Pictures with less work against the whole trajectory's: the gain in time beside the error.
Json compare_drawing(const BenchCommand& command, const GenerateRequest& whole,
                     const GenerateRequest& less, const char* key) {
  const auto runtime = runtime_of(command);
  auto models = load_models(whole, runtime), models_less = models;
  if (less.vae != whole.vae) models_less = load_models(less, runtime);
  const auto exact = measured_requests(whole), saved = measured_requests(less);
  std::vector<Image> a, b;
  const auto seconds =
      time_alternately([&] { b = draw_one_by_one(*models_less, saved, runtime); },
                       [&] { a = draw_one_by_one(*models, exact, runtime); }, command.repeats);
  const Json error = compare_pictures(a, b);
  return {{"value", seconds.theirs / seconds.ours},
          {"seconds_whole", seconds.theirs},
          {"seconds_less", seconds.ours},
          {"psnr_db", error["psnr_db"]},
          {"psnr_db_worst", error["psnr_db_worst"]},
          {"ssim", error["ssim"]},
          {"also", {{"psnr_db", {{key, error["psnr_db"]}}}}}};
}

template <class Change>
Json with_less(const BenchCommand& command, const char* key, const Change& change) {
  GenerateRequest whole;
  whole.model = command.model;
  auto less = whole;
  change(less);
  return compare_drawing(command, whole, less, key);
}

Json guidance_interval(const BenchCommand& command) {
  return with_less(command, "guidance_interval",
                   [](auto& r) { r.guidance_start = 0.2, r.guidance_end = 0.8; });
}

Json step_cache_2(const BenchCommand& command) {
  return with_less(command, "step_cache_2", [](auto& r) { r.step_cache = 2; });
}

Json step_cache_3(const BenchCommand& command) {
  return with_less(command, "step_cache_3", [](auto& r) { r.step_cache = 3; });
}

Json step_cache_5(const BenchCommand& command) {
  return with_less(command, "step_cache_5", [](auto& r) { r.step_cache = 5; });
}

Json token_merging(const BenchCommand& command) {
  return with_less(command, "token_merging_50", [](auto& r) { r.token_merging = 0.5; });
}

/// What the other savings have to beat: half of the model's own steps.
Json half_the_steps(const BenchCommand& command) {
  GenerateRequest whole;
  whole.model = command.model;
  const auto models = load_models(whole, runtime_of(command));
  const int steps = resolve(whole, *models).steps;
  return with_less(command, "half_the_steps", [&](auto& r) { r.steps = (steps + 1) / 2; });
}

bool has_other_autoencoder(const BenchCommand& command) { return !command.vae.empty(); }

/// Another autoencoder's decoding, e.g. a tiny one's.
Json other_autoencoder(const BenchCommand& command) {
  return with_less(command, "other_autoencoder", [&](auto& r) { r.vae = command.vae; });
}

/// The same of latents of Stable Diffusion 1.5's size with random weights, a few steps.
Json compare_latents(const BenchCommand& command, const GuidanceSettings& guidance,
                     const Savings& savings, const char* key) {
  constexpr int kSteps = 4;
  start_torch(runtime_of(command));
  UNet unet{UNetConfig{}};
  fill_at_random(unet);
  if (multiplies_bytes()) set_precision(unet, Precision::int8);
  Tensor a, b;
  const auto seconds = time_alternately([&] { b = latents_of(unet, kSteps, guidance, savings); },
                                        [&] { a = latents_of(unet, kSteps, {}); }, command.repeats);
  return {{"value", seconds.theirs / seconds.ours},
          {"seconds_whole", seconds.theirs},
          {"seconds_less", seconds.ours},
          {"snr_db", snr_db(a, b)},
          {"also", {{"psnr_db", {{key, snr_db(a, b)}}}}}};
}

Json sd15_guidance_interval(const BenchCommand& command) {
  return compare_latents(command, {.start = 0.25, .end = 0.75}, {}, "sd15_guidance_interval");
}

Json sd15_step_cache(const BenchCommand& command) {
  return compare_latents(command, {}, {.step_cache = 2}, "sd15_step_cache_2");
}

Json sd15_step_cache_4(const BenchCommand& command) {
  return compare_latents(command, {}, {.step_cache = 4}, "sd15_step_cache_4");
}

Json sd15_token_merging(const BenchCommand& command) {
  return compare_latents(command, {}, {.token_merging = 0.5}, "sd15_token_merging_50");
}

constexpr Measurement kSavings[] = {
    {"ratios", "guidance_interval", guidance_interval},
    {"ratios", "step_cache_2", step_cache_2},
    {"ratios", "step_cache_3", step_cache_3},
    {"ratios", "step_cache_5", step_cache_5},
    {"ratios", "token_merging_50", token_merging},
    {"ratios", "half_the_steps", half_the_steps},
    {"ratios", "other_autoencoder", other_autoencoder, has_other_autoencoder},
    {"ratios", "sd15_guidance_interval", sd15_guidance_interval},
    {"ratios", "sd15_step_cache_2", sd15_step_cache},
    {"ratios", "sd15_step_cache_4", sd15_step_cache_4},
    {"ratios", "sd15_token_merging_50", sd15_token_merging},
};

}  // namespace

std::span<const Measurement> savings_suite() { return kSavings; }

}  // namespace sumi
