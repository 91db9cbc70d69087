#pragma once

#include "media/image.h"
#include "pipelines/latent_coder.h"

namespace sumi {

/// What a picture looks like so far: the first of the clean latents, decoded when the autoencoder
/// is small, else through a linear fit of Stable Diffusion's latents to colours at latent size.
Image sketch(const LatentCoder& coder, const Tensor& clean);

}  // namespace sumi
