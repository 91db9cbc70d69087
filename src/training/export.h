#pragma once

#include <filesystem>
#include <string>

#include "core/json.h"
#include "diffusion/schedule.h"
#include "models/configs.h"
#include "nn/module.h"

namespace sumi {

/// config.json texts as diffusers and transformers read them.
Json published(const VaeConfig& config);
Json published(const UNetConfig& config);
Json published(const ClipTextConfig& config, int start_id);

/// scheduler_config.json for a model trained on this forward process.
Json published(const ScheduleConfig& config);

/// One component of a diffusers folder: `folder`/config.json and `folder`/`file`. `storage`: "fp16"
/// or "fp32".
void write_component(const std::filesystem::path& folder, const std::string& file,
                     const Module& module, const Json& config, const std::string& storage);

/// Binds the weights of a component's folder to a module; throws Error naming the file.
void read_component(const std::filesystem::path& folder, const std::string& file, Module& module);

/// model_index.json of a Stable Diffusion folder.
Json model_index();

/// Creates a folder and its parents; throws Error naming it.
void make_folder(const std::filesystem::path& folder);

}  // namespace sumi
