#include "pipelines/memory_plan.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/processor.h"
#include "models/mmdit_cost.h"
#include "pipelines/model_set.h"

namespace sumi {
namespace {

/// What running adds beside weights and activations: code that is read for the first time and
/// compiled, threads' stacks, scratch memory of the kernels; and for every layout what preparing it
/// leaves between the others.
constexpr std::uint64_t kRunning = std::uint64_t{20} << 20;
constexpr std::uint64_t kLayoutsBetweenGaps = 16;
/// Between what lives at most and what the arena spans, and what a walk over blocks leaves out.
constexpr double kSpread = 1.5;
/// Decoders lay out little of their weights where pictures are large (nn/kernels).
constexpr std::int64_t kLargePicture_px = 256;
constexpr std::uint64_t kLargePart = 8;
constexpr std::int64_t kSmallestTile_px = 128;
constexpr std::size_t kLargestBatch = 16;
constexpr int kContextTokens = 77;

double branches_of(const ModelSet& models, const GenerateRequest& r) {
  if (models.spec.guidance_distilled) return 1;
  if (models.spec.variant == "instruct-pix2pix") return 3;
  return r.guidance_scale == 1 ? 1 : 2;
}

/// The largest size that is drawn: of the second pass where there is one.
struct Size {
  std::int64_t width = 0, height = 0;
};
Size size_of(const GenerateRequest& r) {
  const double scale = r.hires_scale > 1 ? r.hires_scale : 1;
  return {std::llround(r.width * scale), std::llround(r.height * scale)};
}

PassCost pass_cost(const ModelSet& models, const GenerateRequest& r, const Size& size,
                   std::size_t batch, bool int8) {
  const int down = models.coder.downscale();
  const auto rows = static_cast<std::int64_t>(branches_of(models, r) * static_cast<double>(batch));
  const auto width = size.width / down, height = size.height / down;
  return models.spec.has_transformer
             ? mmdit_cost(models.spec.transformer, rows, width, height, kContextTokens, int8)
             : unet_cost(models.spec.unet, rows, width, height, kContextTokens, int8);
}

/// Every layer's output is kept, and as much again four times while a layer runs.
std::uint64_t text_activations(const ModelSet& models) {
  const auto& text = models.spec.text;
  return static_cast<std::uint64_t>(text.hidden_size) * kContextTokens *
         static_cast<std::uint64_t>(text.num_hidden_layers + 4) * sizeof(float);
}

std::uint64_t unet_layout(const ModelSet& models, bool int8) {
  std::uint64_t bytes = 0;
  for (const auto& [path, slot] : models.network.slots()) {
    if (!slot->layout_bytes) continue;
    const auto before = slot->precision;
    slot->precision = int8 ? Precision::int8 : Precision::fp32;
    bytes += slot->layout_bytes();
    slot->precision = before;
  }
  return bytes + bytes / kLayoutsBetweenGaps;
}

std::uint64_t decoder_layout(const ModelSet& models, const Size& size, const TilePlan& tiles) {
  const auto side = std::max(size.width, size.height);
  const auto tile = tiles.tile_px > 0 ? tiles.tile_px : kDefaultTile_px;
  const bool large = (tiles.always ? std::min(side, tile) : side) >= kLargePicture_px;
  return models.coder.decoder_layout_bytes() / (large ? kLargePart : 1);
}

Forecast forecast(const ModelSet& models, const GenerateRequest& r, const MemoryPlan& plan,
                  std::uint64_t resident) {
  const bool int8 = plan.precision == "int8";
  const auto size = size_of(r);
  const auto unet = unet_layout(models, int8);
  const auto base = resident + kRunning;
  Forecast result;
  result.text_bytes = base + layout_bytes(models.text) + text_activations(models);
  const auto alive =
      static_cast<double>(pass_cost(models, r, size, plan.batch_size, int8).activation_bytes);
  result.denoising_bytes = base + unet + static_cast<std::uint64_t>(kSpread * alive);
  result.decoding_bytes = base + (plan.unet_stays ? unet : 0) +
                          decoder_layout(models, size, plan.tiles) +
                          models.coder.decode_bytes(size.width, size.height, plan.tiles);
  return result;
}

double operations_of(const ModelSet& models, const GenerateRequest& r, std::size_t count) {
  const bool int8 = r.precision == "int8";
  double all = r.steps * pass_cost(models, r, {r.width, r.height}, 1, int8).operations;
  const auto size = size_of(r);
  if (r.hires_scale > 1)
    all += r.hires_steps * r.hires_strength * pass_cost(models, r, size, 1, int8).operations;
  if (!r.image.empty()) all *= r.strength;
  return static_cast<double>(count) *
         (all + models.coder.decode_operations(size.width, size.height));
}

/// As many pictures as fit into a quarter of the free memory, at most 16.
std::size_t batch_size_for(const ModelSet& models, const GenerateRequest& r, std::size_t count) {
  if (r.batch_size > 0) return static_cast<std::size_t>(r.batch_size);
  const auto bytes = pass_cost(models, r, size_of(r), 1, false).activation_bytes;
  const auto fit = available_memory_bytes() / 4 / std::max<std::uint64_t>(bytes, 1);
  return std::clamp<std::size_t>(std::min<std::size_t>(fit, count), 1, kLargestBatch);
}

/// The next smaller side of tiles for pictures of that size; nothing below the smallest.
std::optional<std::int64_t> smaller_tile(const TilePlan& tiles, const Size& size) {
  const auto now = tiles.always ? tiles.tile_px > 0 ? tiles.tile_px : kDefaultTile_px
                                : std::max(size.width, size.height);
  const auto next = (std::min(now, std::int64_t{1024}) - 1) / 128 * 128;
  return next >= kSmallestTile_px ? std::optional(next) : std::nullopt;
}

/// Makes one thing smaller in the phase that needs the most; false where nothing is left.
class Squeeze {
 public:
  Squeeze(const ModelSet& models, const GenerateRequest& r, bool precision_is_open,
          std::uint64_t resident)
      : models_(models), r_(r), open_(precision_is_open), resident_(resident) {}

  bool step(MemoryPlan& plan) const {
    const auto& f = plan.forecast;
    const bool done = f.decoding_bytes >= std::max(f.denoising_bytes, f.text_bytes)
                          ? squeeze_decoding(plan)
                      : f.denoising_bytes >= f.text_bytes ? squeeze_denoising(plan)
                                                          : false;
    if (done) plan.forecast = forecast(models_, r_, plan, resident_);
    return done;
  }

 private:
  bool squeeze_decoding(MemoryPlan& plan) const {
    if (plan.unet_stays) {
      plan.unet_stays = false;
      return true;
    }
    const auto tile = smaller_tile(plan.tiles, size_of(r_));
    if (r_.vae_tiling == "off" || (r_.vae_tile > 0 && plan.tiles.always) || !tile) return false;
    plan.tiles = {.always = true, .never = false, .tile_px = r_.vae_tile > 0 ? r_.vae_tile : *tile};
    return true;
  }

  bool squeeze_denoising(MemoryPlan& plan) const {
    if (plan.batch_size > 1 && r_.batch_size == 0) {
      plan.batch_size = (plan.batch_size + 1) / 2;
      return true;
    }
    if (plan.precision == "int8" || !open_ || !processor().vnni) return false;
    plan.precision = "int8";
    return true;
  }

  const ModelSet& models_;
  const GenerateRequest& r_;
  bool open_;
  std::uint64_t resident_;
};

std::string in_words(std::uint64_t bytes) {
  return fmt::format("{}M", (bytes + (1 << 20) - 1) >> 20);
}

}  // namespace

std::uint64_t Forecast::peak_bytes() const {
  return std::max({text_bytes, denoising_bytes, decoding_bytes});
}

MemoryPlan plan_memory(const ModelSet& models, const GenerateRequest& r, std::size_t count,
                       bool precision_is_open, const MemoryOptions& options,
                       std::uint64_t resident) {
  MemoryPlan plan;
  plan.precision = r.precision;
  plan.batch_size = batch_size_for(models, r, count);
  plan.tiles = {
      .always = r.vae_tiling == "on", .never = r.vae_tiling == "off", .tile_px = r.vae_tile};
  plan.unet_stays = !options.last_use || plan.batch_size < count;
  plan.operations = operations_of(models, r, count);
  plan.forecast = forecast(models, r, plan, resident);
  const auto budget = options.budget_bytes;
  if (budget == 0) return plan;
  const Squeeze squeeze(models, r, precision_is_open, resident);
  while (plan.forecast.peak_bytes() > budget && squeeze.step(plan)) continue;
  if (plan.forecast.peak_bytes() <= budget) return plan;
  while (squeeze.step(plan)) continue;
  const bool tiles = plan.forecast.decoding_bytes == plan.forecast.peak_bytes();
  throw Error(fmt::format("{} does not fit into {} of memory", r.model, in_words(budget)),
              fmt::format("the least that would do is {}{}", in_words(plan.forecast.peak_bytes()),
                          tiles && r.vae_tiling == "off" ? ", or less without --vae-tiling off"
                          : precision_is_open || r.precision == "int8"
                              ? ""
                              : ", or less with --precision int8"));
}

std::string describe(const MemoryPlan& plan) {
  std::string text = fmt::format(
      "{}, {} at a time, decoded {}", plan.precision,
      plan.batch_size == 1 ? std::string("one picture")
                           : fmt::format("{} pictures", plan.batch_size),
      plan.tiles.always ? fmt::format("in tiles of {} pixels",
                                      plan.tiles.tile_px > 0 ? plan.tiles.tile_px : kDefaultTile_px)
                        : std::string("whole"));
  if (!plan.unet_stays) text += " after the denoiser's weights are let go";
  return text;
}

}  // namespace sumi
