#include "training/perceptual.h"

#include "core/error.h"

namespace sumi {
namespace {

constexpr double kLeastSquare = 1e-6;  // keeps the gradient finite where nothing is seen

Tensor unit_channels(const Tensor& features) {
  return features / (features.square().sum(1, /*keepdim=*/true) + kLeastSquare).sqrt();
}

}  // namespace

Tensor perceptual_distance(const ImageTextScorer& eyes, const Tensor& made, const Tensor& wanted) {
  const auto seen = eyes.picture_levels(made), expected = eyes.picture_levels(wanted);
  Tensor sum = at::zeros({}, made.options());
  for (std::size_t i = 0; i < seen.size(); ++i)
    sum = sum + (unit_channels(seen[i]) - unit_channels(expected[i])).square().sum(1).mean();
  return sum;
}

ImageTextScorer open_eyes(const std::filesystem::path& folder) {
  try {
    ImageTextScorer scorer = open_scorer(folder).scorer;
    set_requires_grad(scorer, false);
    return scorer;
  } catch (const Error& error) {
    throw Error(fmt::format("scorer: {}", error.what()),
                "autoencoder_loss.perceptual needs the output folder of a scorer's training "
                "(recipes/default/scorer.json), relative to this training's output folder");
  }
}

}  // namespace sumi
