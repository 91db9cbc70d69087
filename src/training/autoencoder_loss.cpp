#include "training/autoencoder_loss.h"

#include "training/adversarial.h"
#include "training/perceptual.h"
#include "training/randomness.h"

namespace sumi {
namespace {

constexpr std::uint64_t kDiscriminatorSeed = 0xad5e;

/// sqrt(x² + e²) - e: as |x|, but smooth at zero.
Tensor charbonnier(const Tensor& difference) {
  constexpr double kEpsilon = 1e-2;
  return ((difference * difference + kEpsilon * kEpsilon).sqrt() - kEpsilon).mean();
}

/// The error of the differences between neighbours, along both axes.
Tensor edge_error(const Tensor& difference) {
  const auto along = [&](std::int64_t axis) {
    const std::int64_t length = difference.size(axis) - 1;
    return charbonnier(difference.narrow(axis, 1, length) - difference.narrow(axis, 0, length));
  };
  return along(2) + along(3);
}

}  // namespace

double gradient_magnitude(const Tensor& pictures) {
  const auto height = pictures.size(2) - 1, width = pictures.size(3) - 1;
  const Tensor here = pictures.narrow(2, 0, height).narrow(3, 0, width);
  const Tensor right = pictures.narrow(2, 0, height).narrow(3, 1, width) - here;
  const Tensor below = pictures.narrow(2, 1, height).narrow(3, 0, width) - here;
  return (right.square() + below.square()).sqrt().mean().item<double>();
}

Tensor reconstruction_loss(const Tensor& made, const Tensor& wanted,
                           const AutoencoderLossConfig& weights) {
  Tensor difference = made - wanted;
  Tensor loss =
      weights.absolute * charbonnier(difference) + weights.squared * difference.square().mean();
  for (int scale = 0; weights.edges > 0 && scale < 3; ++scale) {
    if (scale > 0) difference = at::avg_pool2d(difference, {2, 2});
    loss = loss + weights.edges * edge_error(difference);
  }
  return loss;
}

Tensor kl_loss(const Tensor& moments) {
  const auto halves = moments.chunk(2, 1);
  const Tensor log_variance = halves[1].clamp(-30, 20);
  return 0.5 * (halves[0].square() + log_variance.exp() - 1 - log_variance).mean();
}

AutoencoderJudges judges_of(const AutoencoderLossConfig& weights,
                            const std::filesystem::path& scorer, std::uint64_t seed,
                            torch::Device device) {
  AutoencoderJudges judges{weights, {}, {}};
  if (weights.perceptual > 0) {
    judges.eyes = open_eyes(scorer);
    place(*judges.eyes, device);
  }
  if (weights.adversarial.weight > 0) {
    judges.discriminator.emplace(weights.adversarial.channels, weights.adversarial.levels);
    initialise(*judges.discriminator, mix_seed(seed, kDiscriminatorSeed));
    place(*judges.discriminator, device);
  }
  return judges;
}

Tensor error_of(const AutoencoderJudges& judges, const Tensor& made, const Tensor& wanted,
                NamedScalars& parts) {
  Tensor error = reconstruction_loss(made, wanted, judges.weights);
  parts.emplace_back("error", error.detach());
  if (!judges.eyes) return error;
  const Tensor distance = perceptual_distance(*judges.eyes, made, wanted);
  parts.emplace_back("perceptual", distance.detach());
  return error + judges.weights.perceptual * distance;
}

Tensor adversarial_loss(const AutoencoderJudges& judges, const Tensor& made, const Tensor& wanted,
                        const Tensor& error, const Tensor& last_kernel, std::int64_t first,
                        NamedScalars& parts) {
  const auto& config = judges.weights.adversarial;
  judges.discriminator->need_patches(wanted);
  AdversarialTerm term;
  if (first >= config.start_samples)
    term = adversarial_term(*judges.discriminator, made, wanted, error, last_kernel, config.weight);
  else
    term.total = term.fooling = term.discriminator = term.balance =
        at::zeros({}, made.options().requires_grad(false));
  parts.insert(parts.end(), {{"fooling", term.fooling},
                             {"discriminator", term.discriminator},
                             {"balance", term.balance}});
  return term.total;
}

}  // namespace sumi
