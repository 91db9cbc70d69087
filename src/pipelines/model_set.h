#pragma once

#include <optional>
#include <string>

#include "core/config.h"
#include "core/tensor.h"
#include "diffusion/plan.h"
#include "models/catalog.h"
#include "models/clip_text.h"
#include "models/diffusion_network.h"
#include "pipelines/latent_coder.h"
#include "pipelines/request.h"
#include "text/clip_tokenizer.h"

namespace sumi {

/// What a model does best when a request leaves it open; `generation.json` beside model_index.json,
/// or else the customary values for Stable Diffusion.
struct GenerationDefaults {
  int width = 0;
  int height = 0;
  int steps = 20;
  double guidance_scale = 7.5;
  std::string sampler;
  std::string spacing;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("width", self.width, "picture width in pixels");
    visit("height", self.height, "picture height in pixels");
    visit("steps", self.steps, "sampling steps");
    visit("guidance_scale", self.guidance_scale, "how strictly to follow the prompt");
    visit("sampler", self.sampler, "solver by name");
    visit("spacing", self.spacing, "how noise levels are spaced");
  }
};

/// A checkpoint ready to draw: every network bound and on its device.
struct ModelSet {
  std::string name;
  ModelSpec spec;
  ClipTokenizer tokenizer;
  ClipTextModel text;
  DiffusionNetwork network;
  LatentCoder coder;
  ScheduleConfig schedule = {};
  GenerationDefaults defaults = {};
  torch::Device device = torch::kCPU;
};

/// Loads a checkpoint of any supported layout with its tokenizer and autoencoder. Throws Error for
/// unknown families, missing parts, NaN weights and a missing vocabulary.
ModelSet load_model_set(const std::string& model, const std::string& vae, torch::Device device,
                        const SpecOverrides& overrides = {});

/// What the diffusion network multiplies in from now on: "fp32" or "int8".
void use_precision(ModelSet& models, const std::string& precision);

/// The request with every default filled in from the model: size, steps, sampler, guidance, seed,
/// strength, precision.
GenerateRequest resolve(GenerateRequest request, const ModelSet& models);

}  // namespace sumi
