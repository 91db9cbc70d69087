#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config.h"

namespace sumi {

/// Everything one picture depends on. Text to image, image to image, inpainting, instruction
/// editing and hires are one function over this value: a start image or a mask is an optional
/// field. An empty text or a zero means "the model's own default"; resolve() fills it in.
struct GenerateRequest {
  std::string model = "default";
  std::string prompt;
  std::string negative_prompt;
  std::string prompt_style = "a1111";
  int clip_skip = 0;

  std::int64_t seed = -1;
  int count = 1;
  int batch_size = 0;
  int width = 0;
  int height = 0;

  int steps = 0;
  std::string sampler;
  std::string spacing;
  std::string prediction_type;
  double eta = -1;
  double guidance_scale = -1;
  double guidance_rescale = 0;
  double guidance_start = 0;
  double guidance_end = 1;
  std::string rng = "cpu";

  std::string image;
  double strength = -1;
  std::string mask;
  int mask_blur = 0;
  double image_guidance_scale = 1.5;

  double hires_scale = 0;
  int hires_steps = 0;
  double hires_strength = 0.7;
  std::string hires_upscaler = "latent";

  std::string vae;
  std::string vae_tiling = "auto";
  int vae_tile = 0;
  std::string precision = "auto";
  int step_cache = 0;
  double token_merging = 0;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("model", self.model,
          "model folder or checkpoint file, or one that comes with Sumi: default, editing or live");
    visit("prompt", self.prompt,
          "what to draw, e.g. \"a 3d render of a red apple on a blue background\"");
    visit("negative_prompt", self.negative_prompt,
          "what to keep out, e.g. \"blurry, low quality\"");
    visit("prompt_style", self.prompt_style,
          "a1111: (weights:1.2), [a:b:0.5], BREAK, AND; diffusers: the text as it stands");
    visit("clip_skip", self.clip_skip,
          "use an earlier text layer: 1 is the last, 2 the one before; 0 the model's own");
    visit("seed", self.seed,
          "first random seed; picture k of a run uses seed + k; -1 draws one and prints it");
    visit("count", self.count, "how many pictures, e.g. 4");
    visit("batch_size", self.batch_size, "pictures computed together; 0 chooses by memory");
    visit("width", self.width,
          "picture width in pixels, a multiple of 8, e.g. 512; 0 the model's own");
    visit("height", self.height,
          "picture height in pixels, a multiple of 8, e.g. 768; 0 the model's own");
    visit("steps", self.steps, "sampling steps, e.g. 20; 0 the model's own");
    visit("sampler", self.sampler,
          "solver by name, e.g. \"Euler a\", \"DPM++ 2M\", ddim; empty the model's own");
    visit(
        "spacing", self.spacing,
        "how noise levels are spaced, e.g. karras, trailing, sgm_uniform; empty the sampler's own");
    visit("prediction_type", self.prediction_type,
          "override what the network predicts: epsilon, v_prediction, sample or flow");
    visit("eta", self.eta,
          "fresh noise per step for DDIM and ancestral samplers, 0 to 1; -1 the sampler's own");
    visit("guidance_scale", self.guidance_scale,
          "how strictly to follow the prompt, e.g. 7.5; 1 turns guidance off; -1 the model's own");
    visit("guidance_rescale", self.guidance_rescale,
          "keeps guided contrast natural, 0 to 1, e.g. 0.7 (Lin et al. 2023)");
    visit("guidance_start", self.guidance_start,
          "guidance from this fraction of the steps on, 0 to 1");
    visit("guidance_end", self.guidance_end, "guidance until this fraction of the steps, 0 to 1");
    visit("rng", self.rng, "noise as drawn by cpu (torch and diffusers) or gpu (A1111 on NVIDIA)");
    visit("image", self.image, "start from this picture, or edit it with an instruction model");
    visit("strength", self.strength,
          "how much of the start picture to redraw, 0 to 1, e.g. 0.6; -1 the default for what is "
          "done");
    visit("mask", self.mask,
          "redraw only where this picture is white; the rest keeps its exact pixels");
    visit("mask_blur", self.mask_blur, "soften the mask's edge by this radius in pixels, e.g. 4");
    visit("image_guidance_scale", self.image_guidance_scale,
          "instruction models: how closely to keep to the picture, e.g. 1.5");
    visit("hires_scale", self.hires_scale,
          "second pass at this multiple of the size, e.g. 2; 0 for none");
    visit("hires_steps", self.hires_steps, "steps of the second pass; 0 as the first");
    visit("hires_strength", self.hires_strength,
          "how much the second pass redraws, 0 to 1, e.g. 0.6");
    visit("hires_upscaler", self.hires_upscaler,
          "how the second pass is enlarged: latent, lanczos, bicubic or nearest");
    visit("vae", self.vae, "another autoencoder: a VAE or TAESD file or folder");
    visit("vae_tiling", self.vae_tiling,
          "decode in overlapping tiles to save memory: auto, on or off");
    visit("vae_tile", self.vae_tile,
          "tile edge in pixels when tiling, a multiple of 64, e.g. 512; 0 chooses");
    visit("precision", self.precision,
          "what the U-Net multiplies in: fp32, int8, or auto: int8 for a large one on a "
          "processor with VNNI, layer by layer where it is accurate");
    visit("step_cache", self.step_cache,
          "the whole network only every so many steps, its outermost layers between them, e.g. 3: "
          "about twice as fast, not quite the same picture (DeepCache); 0 for none");
    visit("token_merging", self.token_merging,
          "share of like tokens merged in the finest self-attention, 0 to 0.75, e.g. 0.5: faster "
          "for large pictures, not quite the same picture (ToMe)");
  }
};

/// Checks every number and name that can be checked without the model: ranges, finiteness,
/// multiples of 8, known words. Throws Error naming the field and the range. No LibTorch.
void check(const GenerateRequest& request);

/// A1111's "parameters" text for one picture of a resolved request, and back again.
std::string infotext_of(const GenerateRequest& request, std::int64_t seed);
GenerateRequest request_from_infotext(const std::string& infotext);

}  // namespace sumi
