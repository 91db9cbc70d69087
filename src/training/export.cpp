#include "training/export.h"

#include "core/error.h"
#include "core/files.h"
#include "weights/state_dict.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

/// `first` and then the config's own fields.
template <Config T>
Json with_fields(Json first, const T& config) {
  const Json fields = to_json(config);
  for (const auto& [key, value] : fields.items()) first[key] = value;
  return first;
}

bool is_flow(const ScheduleConfig& process) { return process.beta_schedule == "flow"; }

}  // namespace

Json published(const VaeConfig& config) {
  Json json = with_fields({{"_class_name", "AutoencoderKL"}, {"act_fn", "silu"}}, config);
  if (config.shift_factor == 0) json["shift_factor"] = nullptr;
  return json;
}

Json published(const UNetConfig& config) {
  Json json = with_fields({{"_class_name", "UNet2DConditionModel"}, {"act_fn", "silu"}}, config);
  if (config.time_cond_proj_dim == 0) json["time_cond_proj_dim"] = nullptr;
  return json;
}

Json published(const MMDiTConfig& config) {
  Json json = with_fields({{"_class_name", "SD3Transformer2DModel"}}, config);
  if (config.qk_norm.empty()) json["qk_norm"] = nullptr;
  return json;
}

Json published(const ClipTextConfig& config, int start_id) {
  Json json = with_fields(
      {{"architectures",
        Json::array({config.with_projection ? "CLIPTextModelWithProjection" : "CLIPTextModel"})},
       {"model_type", "clip_text_model"},
       {"bos_token_id", start_id},
       {"pad_token_id", config.eos_token_id}},
      config);
  json.erase("with_projection");
  return json;
}

Json published(const ScheduleConfig& config) {
  if (is_flow(config))
    return {{"_class_name", "FlowMatchEulerDiscreteScheduler"},
            {"num_train_timesteps", config.num_train_timesteps},
            {"shift", config.shift},
            {"use_dynamic_shifting", false}};
  return {{"_class_name", "DDIMScheduler"},
          {"num_train_timesteps", config.num_train_timesteps},
          {"beta_schedule", config.beta_schedule},
          {"beta_start", config.beta_start},
          {"beta_end", config.beta_end},
          {"prediction_type", config.prediction_type},
          {"rescale_betas_zero_snr", config.rescale_betas_zero_snr},
          {"timestep_spacing", "trailing"},
          {"clip_sample", false},
          {"set_alpha_to_one", false},
          {"steps_offset", 1}};
}

void read_component(const fs::path& folder, const std::string& file, Module& module) {
  bind(module, load_state_dict(folder / file), (folder / file).string());
}

Json model_index(const std::string& denoiser, const ScheduleConfig& process) {
  const bool published = denoiser == "unet" && !is_flow(process);
  Json index = {{"_class_name", published ? "StableDiffusionPipeline" : "SumiFlowPipeline"},
                {"_diffusers_version", published ? "0.21.0" : "0.31.0"},
                {"text_encoder", {"transformers", "CLIPTextModel"}},
                {"tokenizer", {"transformers", "CLIPTokenizer"}},
                {"vae", {"diffusers", "AutoencoderKL"}}};
  index["scheduler"] = {"diffusers",
                        is_flow(process) ? "FlowMatchEulerDiscreteScheduler" : "DDIMScheduler"};
  index[denoiser] = {"diffusers",
                     denoiser == "unet" ? "UNet2DConditionModel" : "SD3Transformer2DModel"};
  if (!published) return index;
  index["feature_extractor"] = index["safety_checker"] = {nullptr, nullptr};
  index["requires_safety_checker"] = false;
  return index;
}

void make_folder(const fs::path& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed)
    throw Error(
        fmt::format("{}: creating the folder failed: {}", folder.string(), failed.message()),
        "check the path and its permissions, or write elsewhere");
}

void write_component(const fs::path& folder, const std::string& file, const Module& module,
                     const Json& config, const std::string& storage) {
  make_folder(folder);
  StateDict state;
  for (const auto& [name, tensor] : state_of(module))
    state.emplace(name, tensor.detach()
                            .to(torch::kCPU, storage == "fp16" ? torch::kHalf : torch::kFloat)
                            .contiguous());
  save_state_dict(folder / file, state, {{"format", "pt"}});
  write_file(folder / "config.json", config.dump(2) + "\n");
}

}  // namespace sumi
