#pragma once

#include <filesystem>
#include <string>

#include "core/json.h"
#include "diffusion/schedule.h"
#include "models/configs.h"
#include "models/mmdit_config.h"
#include "nn/module.h"

namespace sumi {

/// config.json texts as diffusers and transformers read them.
Json published(const VaeConfig& config);
Json published(const UNetConfig& config);
Json published(const MMDiTConfig& config);
Json published(const ClipTextConfig& config, int start_id);

/// scheduler_config.json for a model trained on this forward process: DDIM's, or for rectified flow
/// FlowMatchEulerDiscreteScheduler's.
Json published(const ScheduleConfig& config);

/// One component of a diffusers folder: `folder`/config.json and `folder`/`file`. `storage`: "fp16"
/// or "fp32".
void write_component(const std::filesystem::path& folder, const std::string& file,
                     const Module& module, const Json& config, const std::string& storage);

/// Binds the weights of a component's folder to a module; throws Error naming the file.
void read_component(const std::filesystem::path& folder, const std::string& file, Module& module);

/// model_index.json of a folder with the component `denoiser` ("unet" or "transformer"), taught
/// this forward process. A U-Net that was not taught flow is a StableDiffusionPipeline. diffusers
/// has no pipeline for a U-Net with flow, nor for a transformer with one text encoder: those
/// folders say SumiFlowPipeline, and its classes load each part by itself.
Json model_index(const std::string& denoiser, const ScheduleConfig& process);

/// Creates a folder and its parents; throws Error naming it.
void make_folder(const std::filesystem::path& folder);

}  // namespace sumi
