#include "pipelines/model_set.h"

#include <random>

#include "core/paths.h"
#include "core/processor.h"
#include "models/conditioning.h"
#include "weights/checkpoint.h"
#include "weights/state_dict.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

/// A smaller network spends its time elsewhere than in products, and has fewer weights to hide an
/// error among.
constexpr std::int64_t kInt8Parameters = 100'000'000;
/// Of the timesteps of Stable Diffusion 3, for files that come without a scheduler.
constexpr double kPublishedShift = 3;

/// The checkpoint's own vocabulary; where a folder leaves it out and the tower has CLIP's size,
/// CLIP's.
ClipTokenizer tokenizer_of(const Checkpoint& checkpoint, const ModelSpec& spec) {
  constexpr int kClipVocabulary = 49408;
  const auto& folder = checkpoint.tokenizer_folder;
  if (!folder.empty() &&
      (fs::exists(folder / "vocab.json") || spec.text.vocab_size != kClipVocabulary))
    return ClipTokenizer::from_folder(folder);
  const auto tokenizer = ClipTokenizer::from_merges(resource("clip/bpe_simple_vocab_16e6.txt"));
  return checkpoint.family == "sd2" ? tokenizer.with_padding("!") : tokenizer;
}

const StateDict& part_of(const Checkpoint& checkpoint, const std::string& part,
                         const std::string& path) {
  const auto found = checkpoint.components.find(part);
  if (found != checkpoint.components.end()) return found->second;
  throw Error(fmt::format("{}: has no {}", path, part),
              "give a whole checkpoint; a part alone cannot draw a picture");
}

LatentCoder bind_coder(const Checkpoint& checkpoint, const ModelSpec& spec, const std::string& path,
                       torch::Device device) {
  AutoencoderKL vae(spec.vae);
  bind(vae, part_of(checkpoint, "vae", path), path + ": vae", torch::kFloat, device,
       Storage::as_stored);
  return LatentCoder(vae);
}

/// TAESD as published is two files; the other one is looked for beside the one given.
StateDict published_tiny_vae(const fs::path& file) {
  const std::string name = file.filename().string();
  const auto named = [&](const char* from, const char* to) {
    std::string other = name;
    const auto at = other.find(from);
    if (at == std::string::npos) return fs::path();
    return file.parent_path() / other.replace(at, std::string(from).size(), to);
  };
  const auto encoder = named("decoder", "encoder"), decoder = named("encoder", "decoder");
  return tiny_vae_from_published(load_state_dict(encoder.empty() ? file : encoder),
                                 load_state_dict(decoder.empty() ? file : decoder));
}

LatentCoder load_coder(const fs::path& path, torch::Device device) {
  const auto name = path.filename().string();
  if (fs::is_regular_file(path) && name.find("taesd") != std::string::npos) {
    TinyAutoencoder tiny{TinyVaeConfig{}};
    bind(tiny, published_tiny_vae(path), path.string(), torch::kFloat, device);
    return LatentCoder(tiny);
  }
  const auto config_file = path / "config.json";
  if (fs::is_directory(path) && fs::exists(config_file)) {
    const Json config = read_json(config_file);
    if (config.value("_class_name", "") == "AutoencoderTiny") {
      TinyAutoencoder tiny(read_model_config<TinyVaeConfig>(config, config_file.string()));
      bind(tiny, load_state_dict(path / "diffusion_pytorch_model.safetensors"), path.string(),
           torch::kFloat, device);
      return LatentCoder(tiny);
    }
  }
  const auto files = open_checkpoint_files(path);
  return bind_coder(to_checkpoint(files), describe_model(files), path.string(), device);
}

/// The text encoders of Stable Diffusion 3 would be joined by TextConditioner.
void refuse_missing_encoders(const ModelSpec& spec, const std::string& path) {
  if (!spec.has_transformer || spec.text_encoders == 1) return;
  throw Error(
      fmt::format("{}: this is Stable Diffusion 3, which listens to three text encoders", path),
      "Sumi reads its transformer and autoencoder, but has not all of these encoders; use a "
      "transformer that Sumi trained");
}

void check_text_width(const ModelSpec& spec, const std::string& path) {
  const auto& t = spec.transformer;
  if (t.joint_attention_dim == spec.text.hidden_size &&
      t.pooled_projection_dim == pooled_width(spec.text))
    return;
  throw Error(fmt::format("{}: the transformer listens to text of width {} and {}, the text "
                          "encoder gives {} and {}",
                          path, t.joint_attention_dim, t.pooled_projection_dim,
                          spec.text.hidden_size, pooled_width(spec.text)),
              "use the text encoder that the transformer was trained with");
}

DiffusionNetwork bind_network(const Checkpoint& checkpoint, const ModelSpec& spec,
                              const std::string& path, torch::Device device) {
  const auto bound = [&](auto network, const char* part) {
    bind(network, part_of(checkpoint, part, path), fmt::format("{}: {}", path, part), torch::kFloat,
         device, Storage::as_stored);
    return DiffusionNetwork(network);
  };
  if (!spec.has_transformer) return bound(UNet(spec.unet), "unet");
  refuse_missing_encoders(spec, path);
  check_text_width(spec, path);
  return bound(MMDiT(spec.transformer), "transformer");
}

/// Customary sampling for checkpoints that come without a word about it.
GenerationDefaults defaults_of(const fs::path& path, const ModelSpec& spec,
                               const std::string& scheduler_sampler) {
  GenerationDefaults defaults;
  defaults.width = defaults.height = spec.size_px;
  defaults.sampler = scheduler_sampler.empty() ? "DPM++ 2M" : scheduler_sampler;
  if (scheduler_sampler.empty()) defaults.spacing = "karras";
  if (spec.guidance_distilled) defaults = {spec.size_px, spec.size_px, 4, 8.5, "LCM", ""};
  const auto file = path / "generation.json";
  if (fs::is_directory(path) && fs::exists(file))
    from_json(read_json(file), defaults, file.string());
  return defaults;
}

}  // namespace

ModelSet load_model_set(const std::string& model, const std::string& vae, torch::Device device,
                        const SpecOverrides& overrides) {
  const auto path = model_path(model);
  const auto files = open_checkpoint_files(path);
  const auto spec = describe_model(files, overrides);
  const auto checkpoint = to_checkpoint(files);
  const auto where = path.string();

  const auto network = bind_network(checkpoint, spec, where, device);
  ClipTextModel text(spec.text);
  bind(text, part_of(checkpoint, "text_encoder", where), where + ": text_encoder", torch::kFloat,
       device, Storage::as_stored);
  auto coder = vae.empty() ? bind_coder(checkpoint, spec, where, device) : load_coder(vae, device);

  ModelSet models{model, spec,  tokenizer_of(checkpoint, spec), text, network, coder, {},
                  {},    device};
  std::string sampler;
  if (const auto found = checkpoint.configs.find("scheduler"); found != checkpoint.configs.end()) {
    const auto scheduler = read_diffusers_scheduler(found->second, where + ": scheduler");
    models.schedule = scheduler.config;
    sampler = scheduler.sampler->name;
  }
  models.schedule.prediction_type = spec.prediction_type;
  if (spec.prediction_type == "flow" && sampler.empty()) {
    models.schedule.beta_schedule = "flow";
    models.schedule.shift = kPublishedShift;
    sampler = "Euler";
  }
  models.defaults = defaults_of(path, spec, sampler);
  return models;
}

void use_precision(ModelSet& models, const std::string& precision) {
  const bool int8 = precision == "int8";
  set_precision(models.network, int8 ? Precision::int8 : Precision::fp32);
  models.coder.use_precision(int8 ? Precision::int16 : Precision::fp32);
}

GenerateRequest resolve(GenerateRequest r, const ModelSet& models) {
  if (r.width == 0) r.width = models.defaults.width;
  if (r.height == 0) r.height = models.defaults.height;
  if (r.steps == 0) r.steps = models.defaults.steps;
  if (r.guidance_scale < 0) r.guidance_scale = models.defaults.guidance_scale;
  if (r.sampler.empty()) {
    r.sampler = models.defaults.sampler;
    if (r.spacing.empty()) r.spacing = models.defaults.spacing;
  }
  const auto named = split_sampler_name(r.sampler);
  const auto& sampler = find_sampler(named.sampler);
  r.sampler = sampler.name;
  if (r.spacing.empty())
    r.spacing = named.spacing.empty() ? std::string(sampler.spacing) : named.spacing;
  if (r.eta < 0) r.eta = sampler.eta;
  if (r.prediction_type.empty()) r.prediction_type = models.schedule.prediction_type;
  if (r.clip_skip == 0) r.clip_skip = 1;
  if (r.precision == "auto")
    r.precision = models.device.is_cpu() && processor().vnni &&
                          parameter_count(models.network) >= kInt8Parameters
                      ? "int8"
                      : "fp32";
  if (r.seed < 0) r.seed = static_cast<std::int64_t>(std::random_device{}());
  const bool edits = models.spec.variant == "instruct-pix2pix";
  if (r.strength < 0)
    r.strength = edits || models.spec.variant == "inpainting" ? 1.0 : r.mask.empty() ? 0.6 : 0.75;
  if (r.hires_scale > 0 && r.hires_steps == 0) r.hires_steps = r.steps;
  return r;
}

}  // namespace sumi
