#include "pipelines/request.h"

#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>

namespace sumi {
namespace {

constexpr int kMaxEdge_px = 8192;
constexpr std::size_t kMaxPromptBytes = 1u << 20;

void check_range(std::string_view field, double value, double low, double high) {
  if (std::isfinite(value) && value >= low && value <= high) return;
  throw Error(fmt::format("{} is {}", field, value),
              fmt::format("give a number from {} to {}", low, high));
}

void check_word(std::string_view field, const std::string& value,
                std::span<const std::string_view> words) {
  for (const auto word : words)
    if (value == word) return;
  throw Error(fmt::format("{} is \"{}\"", field, value),
              fmt::format("choose one of: {}", fmt::join(words, ", ")));
}

void check_edge(std::string_view field, int pixels) {
  check_range(field, pixels, 0, kMaxEdge_px);
  if (pixels % 8 == 0) return;
  throw Error(fmt::format("{} is {} pixels, not a multiple of 8", field, pixels),
              fmt::format("use {} or {}", pixels / 8 * 8, pixels / 8 * 8 + 8));
}

void check_prompt(std::string_view field, const std::string& text) {
  if (text.size() <= kMaxPromptBytes) return;
  throw Error(fmt::format("{} is {} bytes long", field, text.size()),
              "prompts may have at most 1 MiB");
}

void check_fields_together(const GenerateRequest& r) {
  if (!r.mask.empty() && r.image.empty())
    throw Error("a mask is given but no picture to paint into", "add --image FILE");
  if (r.guidance_start > r.guidance_end)
    throw Error("guidance_start is after guidance_end", "swap the two");
  if (r.vae_tile % 64 != 0)
    throw Error(fmt::format("vae_tile is {}", r.vae_tile), "use a multiple of 64");
}

}  // namespace

void check(const GenerateRequest& r) {
  static constexpr std::array<std::string_view, 2> kStyles = {"a1111", "diffusers"};
  static constexpr std::array<std::string_view, 2> kRngs = {"cpu", "gpu"};
  static constexpr std::array<std::string_view, 3> kTiling = {"auto", "on", "off"};
  static constexpr std::array<std::string_view, 4> kUpscalers = {"latent", "lanczos", "bicubic",
                                                                 "nearest"};
  static constexpr std::array<std::string_view, 5> kPredictions = {"", "epsilon", "v_prediction",
                                                                   "sample", "flow"};
  static constexpr std::array<std::string_view, 3> kPrecisions = {"auto", "fp32", "int8"};
  check_prompt("prompt", r.prompt);
  check_prompt("negative_prompt", r.negative_prompt);
  check_word("prompt_style", r.prompt_style, kStyles);
  check_word("rng", r.rng, kRngs);
  check_word("precision", r.precision, kPrecisions);
  check_word("vae_tiling", r.vae_tiling, kTiling);
  check_word("hires_upscaler", r.hires_upscaler, kUpscalers);
  check_word("prediction_type", r.prediction_type, kPredictions);
  check_range("seed", static_cast<double>(r.seed), -1, 9.2e18);
  check_range("count", r.count, 1, 10'000);
  check_range("batch_size", r.batch_size, 0, 256);
  check_range("clip_skip", r.clip_skip, 0, 12);
  check_edge("width", r.width);
  check_edge("height", r.height);
  check_range("steps", r.steps, 0, 1000);
  check_range("hires_steps", r.hires_steps, 0, 1000);
  if (r.eta != -1) check_range("eta", r.eta, 0, 1);
  if (r.guidance_scale != -1) check_range("guidance_scale", r.guidance_scale, 0, 100);
  check_range("image_guidance_scale", r.image_guidance_scale, 0, 100);
  check_range("guidance_rescale", r.guidance_rescale, 0, 1);
  check_range("guidance_start", r.guidance_start, 0, 1);
  check_range("guidance_end", r.guidance_end, 0, 1);
  if (r.strength != -1) check_range("strength", r.strength, 0, 1);
  check_range("mask_blur", r.mask_blur, 0, 256);
  if (r.hires_scale != 0) check_range("hires_scale", r.hires_scale, 1, 8);
  check_range("hires_strength", r.hires_strength, 0, 1);
  check_range("vae_tile", r.vae_tile, 0, kMaxEdge_px);
  check_range("step_cache", r.step_cache, 0, 1000);
  check_range("token_merging", r.token_merging, 0, 0.75);
  check_fields_together(r);
}

}  // namespace sumi
