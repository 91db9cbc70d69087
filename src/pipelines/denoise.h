#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "diffusion/plan.h"
#include "models/conditioning.h"
#include "models/diffusion_network.h"

namespace sumi {

/// What one picture of a batch listens to.
struct Listening {
  Conditioning positive;
  Conditioning negative;
};

/// How strongly, and from where to where (fractions of the steps).
struct GuidanceSettings {
  double scale = 7.5;
  double rescale = 0;  ///< Lin et al. 2023
  double start = 0;
  double end = 1;
  double image_scale = 0;  ///< instruct-pix2pix only; 0 for every other network
};

/// Less work where the user allows it; by default none is left out.
struct Savings {
  int step_cache = 0;                     ///< see StepCache; 0 or 1: off
  double token_merging = 0;               ///< see TokenMerge; 0: off
  std::vector<std::uint64_t> seeds = {};  ///< of each picture, for what is drawn by chance
};

/// The step a sampler is in, told to the network by a decorator around the Denoiser.
struct StepPosition {
  int step = 1;  ///< counted from 1
  int steps = 1;
};

/// The network with guidance as one Network: all pictures and all branches share a forward pass
/// (one per length of context). Contexts, and the keys and values made of them, are kept from call
/// to call; what a picture would compute twice, since its negative prompt says the same as its
/// prompt, is computed once. `extra` [N, k, h, w] is appended to the input's channels (inpainting,
/// instruct-pix2pix) and may be undefined; `embed_scale` tells a distilled network the guidance
/// scale instead of calling it twice.
Network guided_network(DiffusionNetwork network, std::vector<Listening> pictures,
                       GuidanceSettings guidance, std::shared_ptr<const StepPosition> position,
                       Tensor extra = {}, bool embed_scale = false, Savings savings = {});

/// Called before and after each call of the network.
struct StepHooks {
  std::function<void(int step, int steps)> begin;
  std::function<void(int step, const Tensor& clean)> end;
};

/// Tells `position` and the hooks which of the levels' steps a call belongs to; step `first` + 1 is
/// the plan's first.
Denoiser track_steps(Denoiser denoise, std::vector<NoiseLevel> levels,
                     std::shared_ptr<StepPosition> position, StepHooks hooks, int first = 0);

}  // namespace sumi
