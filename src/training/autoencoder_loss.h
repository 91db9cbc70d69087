#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "training/autoencoder_loss_config.h"
#include "training/patch_discriminator.h"
#include "training/scorer.h"
#include "training/task.h"

namespace sumi {

/// Smooth absolute error, squared error and edges at three scales, weighted. [N, 3, H, W] each.
Tensor reconstruction_loss(const Tensor& made, const Tensor& wanted,
                           const AutoencoderLossConfig& weights);

/// Mean length of the differences to the neighbours at the right and below. [N, C, H, W].
double gradient_magnitude(const Tensor& pictures);

/// KL divergence of the Gaussians that `moments` describe from the unit normal, per latent number.
Tensor kl_loss(const Tensor& moments);

/// What judges pictures that came through an autoencoder: their pixels, a network that learned to
/// see, a discriminator. Those whose weight is 0 are not there.
struct AutoencoderJudges {
  AutoencoderLossConfig weights;
  std::optional<ImageTextScorer> eyes;
  std::optional<PatchDiscriminator> discriminator;
};

/// `scorer`: the folder that the eyes come from. All lie on `device`. Throws Error naming the
/// recipe's `scorer`.
AutoencoderJudges judges_of(const AutoencoderLossConfig& weights,
                            const std::filesystem::path& scorer, std::uint64_t seed,
                            torch::Device device = torch::kCPU);

/// Pixels and perception, weighted: what does not change as a discriminator learns. made, wanted:
/// [N, 3, H, W]; adds each part to `parts`, unweighted.
Tensor error_of(const AutoencoderJudges& judges, const Tensor& made, const Tensor& wanted,
                NamedScalars& parts);

/// The discriminator's term (adversarial.h), from the sample `first` = start_samples on; before
/// that 0 without gradients. Its numbers stand in `parts` in either case, so that every batch of an
/// update has the same ones. Throws Error for pictures that are too small, from the first on.
Tensor adversarial_loss(const AutoencoderJudges& judges, const Tensor& made, const Tensor& wanted,
                        const Tensor& error, const Tensor& last_kernel, std::int64_t first,
                        NamedScalars& parts);

}  // namespace sumi
