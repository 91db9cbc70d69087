#pragma once

#include <span>
#include <vector>

#include "core/json.h"
#include "core/tensor.h"
#include "media/image.h"
#include "models/unet.h"
#include "pipelines/denoise.h"
#include "pipelines/model_set.h"

namespace sumi {

/// 10 log10 of the power of `exact` over that of the error; 99 for equal tensors.
double snr_db(const Tensor& exact, const Tensor& other);

/// What the pictures of measurements are drawn from: a few prompts with a few seeds each, every one
/// by itself, with the settings of `like`.
std::vector<GenerateRequest> measured_requests(const GenerateRequest& like);
std::vector<Image> draw_one_by_one(ModelSet& models, std::span<const GenerateRequest> requests,
                                   const Runtime& runtime);

/// How far pictures are from the exact ones: {"psnr_db": over all pixels together, 99 where all are
/// equal; "psnr_db_worst": of one picture; "ssim": mean}.
Json compare_pictures(std::span<const Image> exact, std::span<const Image> other);

/// The final latents of a guided trajectory of Stable Diffusion 1.5's size, DDIM from noise of a
/// fixed seed under contexts of a fixed seed. [1, 4, 64, 64].
Tensor latents_of(const UNet& unet, int steps, GuidanceSettings guidance, Savings savings = {});

}  // namespace sumi
