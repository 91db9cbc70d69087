#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/progress.h"
#include "core/runtime.h"
#include "media/image.h"
#include "pipelines/memory_options.h"
#include "pipelines/request.h"

namespace sumi {

struct ModelSet;

/// A finished picture with what made it.
struct Picture {
  Image image;
  std::int64_t seed = 0;
  GenerateRequest request;  ///< resolved: no field is left to a default
  std::string infotext;     ///< A1111 "parameters" text
};

/// What the caller wants to hear while pictures are made.
struct GenerateHooks {
  ProgressSink progress;
  std::function<void(int step, const Image& sketch)> preview;  ///< the first picture's estimate
  std::function<void(const Picture&)> finished;    ///< each picture as soon as it is done
  std::function<void(const MemoryPlan&)> planned;  ///< before the first picture of each settings
};

/// Loads what the request names (checkpoint, tokenizer, autoencoder) for the Runtime's device.
std::shared_ptr<ModelSet> load_models(const GenerateRequest& request, const Runtime& runtime);

/// Text, image and mask to pictures: `count` pictures for each request. Requests may differ in
/// prompt, negative prompt and seed; the rest must be equal, so that they share forward passes.
/// Throws Error for what does not fit, also into `memory`, Cancelled within a step of
/// runtime.cancel.
std::vector<Picture> generate(ModelSet& models, std::span<const GenerateRequest> requests,
                              const Runtime& runtime, const GenerateHooks& hooks = {},
                              const MemoryOptions& memory = {});

}  // namespace sumi
