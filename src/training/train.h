#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "core/progress.h"
#include "core/runtime.h"
#include "media/image.h"
#include "training/recipe.h"
#include "training/trainer.h"

namespace sumi {

/// Makes pictures with the diffusers folder at `model`, one for each prompt, always with the same
/// noise; called between two updates. How they are sampled is the caller's choice.
using PictureMaker = std::function<std::vector<Image>(const std::filesystem::path& model,
                                                      const std::vector<std::string>& prompts)>;

struct TrainCallbacks {
  ProgressSink progress;
  PictureMaker pictures;                 ///< text_to_image's validation; empty: none are made
  ForecastSink foretold;                 ///< empty: nothing is measured before the start
  std::shared_ptr<Processes> processes;  ///< those that share the run; empty: this one alone
};

/// Carries out a recipe in `output` on runtime.device, going on by itself from the snapshots there,
/// which may come from another device. What is random is drawn on the host, the same everywhere;
/// results agree between devices but for rounding. Leaves
/// `output`/model (diffusers layout), recipe.json, log.jsonl, loss.png, loss.svg and
/// validation.png. Throws Error for what does not fit or fails; on runtime.cancel saves, then
/// throws Cancelled.
TrainingSummary train(const Recipe& recipe, const std::filesystem::path& output,
                      const Runtime& runtime, const TrainCallbacks& callbacks = {});

}  // namespace sumi
