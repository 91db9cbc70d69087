#include "pipelines/generate.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/process_memory.h"
#include "core/tensor.h"
#include "core/tensor_memory.h"
#include "diffusion/guidance.h"
#include "media/colour.h"
#include "media/resize.h"
#include "models/conditioning.h"
#include "pipelines/denoise.h"
#include "pipelines/image_tensor.h"
#include "pipelines/memory_plan.h"
#include "pipelines/model_set.h"
#include "pipelines/release.h"
#include "pipelines/sketch.h"

namespace sumi {
namespace {

/// The start picture and mask of a request, at the request's size.
struct Source {
  std::optional<Image> picture;
  Tensor pixels;       ///< [1, 3, H, W] in [-1, 1]
  Tensor mask;         ///< [1, 1, H, W] in [0, 1]; undefined without one
  Tensor latents;      ///< [1, C, h, w], scaled; undefined without a picture
  Tensor latent_mask;  ///< [1, 1, h, w]
  Tensor extra;        ///< [1, k, h, w] for networks that see the picture
};

/// What a whole run shares.
struct Session {
  const ModelSet& models;
  const Runtime& runtime;
  const GenerateHooks& hooks;
  TextConditioner conditioner;
  TilePlan tiles;
  bool unet_stays = true;  ///< its layout, while pictures are decoded
};

/// Gives up a network's layouts until it is used again. Small ones are not worth a call to the
/// system.
void let_go(const Module& network) {
  constexpr std::uint64_t kWorthReturning = std::uint64_t{64} << 20;
  const bool large = layout_bytes(network) >= kWorthReturning;
  release_layouts(network);
  if (large) return_freed_memory();
}

Tensor blurred(const Tensor& mask, int radius) {
  if (radius == 0) return mask;
  const Tensor offsets = torch::arange(-3 * radius, 3 * radius + 1, torch::kFloat) / radius;
  const Tensor kernel = torch::exp(-0.5 * offsets * offsets);
  const Tensor line = (kernel / kernel.sum()).view({1, 1, 1, -1});
  const auto pass = [&](const Tensor& x) {
    return at::conv2d(at::replication_pad2d(x, {3 * radius, 3 * radius, 0, 0}), line);
  };
  return pass(pass(mask).transpose(2, 3)).transpose(2, 3).contiguous().clamp(0, 1);
}

Tensor read_mask(const GenerateRequest& r, const Image& original) {
  const Image mask = load_image(r.mask);
  if (mask.width != original.width || mask.height != original.height)
    throw Error(fmt::format("{}: the mask is {}x{} pixels, the picture {}x{}", r.mask, mask.width,
                            mask.height, original.width, original.height),
                "give a mask of the picture's own size");
  return mask_tensor(mask);
}

/// Inpainting networks see the mask and the picture without what is masked; instruction networks
/// the picture.
Tensor extra_channels(const Session& s, const Source& source) {
  const auto& variant = s.models.spec.variant;
  if (variant == "instruct-pix2pix") return s.models.coder.encode_unscaled(source.pixels, s.tiles);
  if (variant != "inpainting") return {};
  const Tensor hole = (source.mask >= 0.5).to(torch::kFloat);
  const Tensor kept = s.models.coder.encode(source.pixels * (1 - hole), s.tiles);
  return torch::cat({at::upsample_nearest2d(hole, {kept.size(2), kept.size(3)}), kept}, 1);
}

Source read_source(const Session& s, const GenerateRequest& r) {
  Source source;
  const bool sees_picture = s.models.spec.variant != "text-to-image";
  if (r.image.empty()) {
    if (!sees_picture) return source;
    throw Error(
        fmt::format("{} is a model for {} and needs a picture", r.model, s.models.spec.variant),
        "add --image FILE");
  }
  const Image original = load_image(r.image);
  const Tensor full_mask = r.mask.empty() ? Tensor() : read_mask(r, original);
  source.picture = to_rgb(resize_to_cover(original, r.width, r.height));
  source.pixels = to_tensor(*source.picture).to(s.models.device);
  source.latents = s.models.coder.encode(source.pixels, s.tiles);
  if (!r.mask.empty()) {
    const Image mask = resize_to_cover(load_image(r.mask), r.width, r.height);
    source.mask = blurred(mask_tensor(mask), r.mask_blur).to(s.models.device);
  } else if (s.models.spec.variant == "inpainting") {
    source.mask = torch::ones({1, 1, r.height, r.width}).to(s.models.device);
  }
  if (source.mask.defined())
    source.latent_mask =
        at::adaptive_avg_pool2d(source.mask, {source.latents.size(2), source.latents.size(3)});
  if (sees_picture) source.extra = extra_channels(s, source);
  return source;
}

Listening listen(const Session& s, const GenerateRequest& r, int steps, int first_pass_steps) {
  ConditioningOptions options{.profile = r.prompt_style,
                              .steps = steps,
                              .first_pass_steps = first_pass_steps,
                              .clip_skip = r.clip_skip};
  Listening heard;
  heard.positive = s.conditioner.encode(r.prompt, options);
  options.negative = true;
  heard.negative = s.conditioner.encode(r.negative_prompt, options);
  return heard;
}

Plan plan_for(const ModelSet& models, const GenerateRequest& r, int steps) {
  ScheduleConfig config = models.schedule;
  config.timestep_spacing = r.spacing;
  config.prediction_type = r.prediction_type;
  config.use_karras_sigmas = config.use_exponential_sigmas = config.use_beta_sigmas = false;
  Plan plan = make_plan(config, find_sampler(r.sampler), steps);
  plan.options.eta = r.eta;
  return plan;
}

/// One pass of sampling over a batch: where it starts, how many steps, how much is redrawn.
struct Pass {
  const char* what = "denoising";
  int steps = 20;
  int first_pass_steps = 0;
  double strength = 1;
  Tensor start = {};  ///< [N, C, h, w] scaled latents, or undefined for pure noise
};

Tensor repeat(const Tensor& one, std::size_t count) {
  return one.defined() ? one.expand({static_cast<std::int64_t>(count), -1, -1, -1}).contiguous()
                       : one;
}

Savings savings_of(std::span<const GenerateRequest> batch) {
  Savings savings{batch.front().step_cache, batch.front().token_merging, {}};
  for (const auto& one : batch) savings.seeds.push_back(static_cast<std::uint64_t>(one.seed));
  return savings;
}

Tensor run_pass(const Session& s, std::span<const GenerateRequest> batch, const Source& source,
                const Pass& pass, const NoiseSource& noise, at::IntArrayRef shape) {
  const auto& r = batch.front();
  Plan plan = plan_for(s.models, r, pass.steps);
  const int first =
      pass.start.defined() ? static_cast<int>(first_step(pass.steps, pass.strength)) : 0;
  if (first >= pass.steps) return pass.start;
  if (first > 0) plan = plan.from_step(static_cast<std::size_t>(first));

  const Tensor drawn = noise(torch::empty(shape)).to(s.models.device);
  Tensor x =
      pass.start.defined() && (first > 0 || pass.strength < 1 || source.latent_mask.defined())
          ? add_noise(pass.start, drawn, plan.levels.front())
          : drawn * plan.initial_scale;

  std::vector<Listening> pictures;
  for (const auto& one : batch)
    pictures.push_back(listen(s, one, pass.steps, pass.first_pass_steps));
  let_go(s.models.text);  // not needed while the picture is drawn
  const bool edits = s.models.spec.variant == "instruct-pix2pix";
  const GuidanceSettings guidance{r.guidance_scale, r.guidance_rescale, r.guidance_start,
                                  r.guidance_end, edits ? r.image_guidance_scale : 0};
  auto position = std::make_shared<StepPosition>();
  Denoiser denoise = plan.denoiser(guided_network(
      s.models.network, std::move(pictures), guidance, position, repeat(source.extra, batch.size()),
      s.models.spec.guidance_distilled, savings_of(batch)));
  if (source.latent_mask.defined() && s.models.spec.variant != "inpainting")
    denoise =
        with_mask(std::move(denoise), repeat(source.latents, batch.size()), source.latent_mask);

  Progress progress(pass.what, pass.steps - first, s.hooks.progress);
  int done = first;
  StepHooks steps;
  steps.begin = [&](int step, int) {
    s.runtime.cancel.check();
    if (step - 1 > done) progress.advance(step - 1 - done);
    done = std::max(done, step - 1);
  };
  steps.end = [&](int step, const Tensor& clean) {
    if (s.hooks.preview) s.hooks.preview(step, sketch(s.models.coder, clean));
  };
  denoise = track_steps(std::move(denoise), plan.levels, position, steps, first);
  x = plan.run(denoise, std::move(x), noise);
  progress.advance(pass.steps - done);
  return x;
}

Tensor enlarge(const Session& s, const GenerateRequest& r, const Tensor& latents, int width,
               int height) {
  const int down = s.models.coder.downscale();
  if (r.hires_upscaler == "latent")
    return at::upsample_bilinear2d(latents, {height / down, width / down}, false);
  const Tensor pixels = s.models.coder.decode(latents, s.tiles);
  std::vector<Tensor> enlarged;
  for (std::int64_t i = 0; i < pixels.size(0); ++i) {
    const Filter filter = r.hires_upscaler == "bicubic"   ? Filter::bicubic
                          : r.hires_upscaler == "nearest" ? Filter::box
                                                          : Filter::lanczos;
    enlarged.push_back(to_tensor(resize(to_image(pixels[i]), width, height, filter)));
  }
  return s.models.coder.encode(torch::cat(enlarged).to(s.models.device), s.tiles);
}

/// A multiple of the autoencoder's scale and of 8.
int hires_edge(int edge, double scale) {
  return static_cast<int>(std::lround(edge * scale / 8)) * 8;
}

std::vector<Picture> run_batch(const Session& s, std::span<const GenerateRequest> batch,
                               const Source& source) {
  const auto& r = batch.front();
  const auto count = static_cast<std::int64_t>(batch.size());
  const int down = s.models.coder.downscale(), channels = s.models.coder.channels();
  std::vector<ImageNoise> generators;
  for (const auto& one : batch)
    generators.push_back(image_noise(one.rng, static_cast<std::uint64_t>(one.seed)));
  const NoiseSource drawn = batch_noise(generators);
  const auto device = s.models.device;
  const NoiseSource noise = [drawn, device](const Tensor& like) { return drawn(like).to(device); };

  Pass pass{.steps = r.steps, .strength = r.strength};
  const bool from_picture = source.latents.defined() && s.models.spec.variant != "instruct-pix2pix";
  if (from_picture) pass.start = repeat(source.latents, batch.size());
  Tensor latents =
      run_pass(s, batch, source, pass, noise, {count, channels, r.height / down, r.width / down});
  if (r.hires_scale > 1) {
    const int width = hires_edge(r.width, r.hires_scale),
              height = hires_edge(r.height, r.hires_scale);
    Pass second{.what = "hires",
                .steps = r.hires_steps,
                .first_pass_steps = r.steps,
                .strength = r.hires_strength};
    second.start = enlarge(s, r, latents, width, height);
    latents = run_pass(s, batch, Source{}, second, noise, second.start.sizes());
  }

  if (!s.unet_stays) let_go(s.models.network);
  std::vector<Picture> pictures;
  for (std::int64_t i = 0; i < count; ++i) {
    s.runtime.cancel.check();
    const Tensor pixels = s.models.coder.decode(latents.narrow(0, i, 1), s.tiles)[0];
    const bool keeps = source.mask.defined() && r.hires_scale <= 1;
    const Tensor mask = keeps ? source.mask[0][0] : Tensor();
    pictures.push_back(release(pixels, batch[static_cast<std::size_t>(i)],
                               keeps ? &*source.picture : nullptr, keeps ? &mask : nullptr));
    if (s.hooks.finished) s.hooks.finished(pictures.back());
  }
  return pictures;
}

/// What a transformer cannot do, said before it is asked to.
void check_transformer(const ModelSet& models, const GenerateRequest& r) {
  if (!models.spec.has_transformer) return;
  if (r.token_merging > 0)
    throw Error(fmt::format("{} is a transformer and has no token merging", r.model),
                "leave token_merging out; --step-cache makes it faster");
  const auto& config = models.spec.transformer;
  const int side = config.pos_embed_max_size * config.patch_size * models.coder.downscale();
  const double scale = std::max(1.0, r.hires_scale);
  if (r.width * scale > side || r.height * scale > side)
    throw Error(fmt::format("{} draws up to {} x {} pixels", r.model, side, side),
                "choose a smaller width and height");
}

/// One request per picture, resolved, each with its own seed.
std::vector<GenerateRequest> single_pictures(const ModelSet& models,
                                             std::span<const GenerateRequest> requests) {
  std::vector<GenerateRequest> singles;
  for (const auto& request : requests) {
    check(request);
    auto r = resolve(request, models);
    if (r.hires_scale > 1 && models.spec.variant != "text-to-image")
      throw Error(
          fmt::format("{} is a model for {} and has no second pass", r.model, models.spec.variant),
          "leave hires_scale out, or enlarge the picture before");
    if (!r.image.empty() && request.width == 0 && request.height == 0) {
      const Image original = load_image(r.image);
      r.width = std::max(8, original.width / 8 * 8);
      r.height = std::max(8, original.height / 8 * 8);
    }
    check_transformer(models, r);
    for (int k = 0; k < r.count; ++k) {
      singles.push_back(r);
      singles.back().seed = r.seed + k;
      singles.back().count = 1;
    }
  }
  return singles;
}

/// Whether two pictures can share forward passes: equal but for prompts and seed.
bool same_settings(GenerateRequest a, const GenerateRequest& b) {
  a.prompt = b.prompt;
  a.negative_prompt = b.negative_prompt;
  a.seed = b.seed;
  return to_json(a) == to_json(b);
}

}  // namespace

std::shared_ptr<ModelSet> load_models(const GenerateRequest& request, const Runtime& runtime) {
  SpecOverrides overrides;
  if (request.prediction_type != "flow") overrides.prediction_type = request.prediction_type;
  return std::make_shared<ModelSet>(
      load_model_set(request.model, request.vae, start_torch(runtime), overrides));
}

std::vector<Picture> generate(ModelSet& models, std::span<const GenerateRequest> requests,
                              const Runtime& runtime, const GenerateHooks& hooks,
                              const MemoryOptions& memory) {
  const torch::NoGradGuard no_grad;
  if (requests.empty()) return {};
  std::vector<Picture> pictures;
  auto singles = single_pictures(models, requests);
  const bool open = requests.front().precision == "auto";
  const auto resident = resident_memory_bytes();
  for (std::size_t begin = 0; begin < singles.size();) {
    const auto alike = static_cast<std::size_t>(
        std::find_if_not(singles.begin() + static_cast<std::ptrdiff_t>(begin), singles.end(),
                         [&](const auto& other) { return same_settings(other, singles[begin]); }) -
        singles.begin());
    const auto plan =
        plan_memory(models, singles[begin], alike - begin, open,
                    {memory.budget_bytes, memory.last_use && alike == singles.size()}, resident);
    if (hooks.planned) hooks.planned(plan);
    use_precision(models, plan.precision);
    while (begin < alike) {
      const auto end = std::min(alike, begin + plan.batch_size);
      const auto batch = std::span(singles).subspan(begin, end - begin);
      for (auto& r : batch) r.precision = plan.precision;
      const bool last = memory.last_use && end == singles.size();
      const Session session{
          models,
          runtime,
          hooks,
          TextConditioner(models.tokenizer, models.text, models.spec.skipped_text_layers),
          plan.tiles,
          plan.unet_stays && !last};
      const auto source = read_source(session, batch.front());
      auto made = run_batch(session, batch, source);
      std::move(made.begin(), made.end(), std::back_inserter(pictures));
      begin = end;
    }
  }
  return pictures;
}

}  // namespace sumi
