#include "training/adversarial.h"

#include <torch/csrc/autograd/autograd.h>

namespace sumi {
namespace {

constexpr double kLeastLength = 1e-4;  // of the gradient that is divided by
constexpr double kMostWeight = 1e4;

/// d output / d input, times `slope` where the output is no scalar; the graph stays.
Tensor gradient_of(const Tensor& output, const Tensor& input, const Tensor& slope = {}) {
  return torch::autograd::grad({output}, {input}, {slope}, /*retain_graph=*/true)[0];
}

}  // namespace

Tensor hinge_loss(const Tensor& real_scores, const Tensor& made_scores) {
  return 0.5 * (at::relu(1 - real_scores).mean() + at::relu(1 + made_scores).mean());
}

Tensor balanced_weight(const Tensor& reconstruction_gradient, const Tensor& adversarial_gradient) {
  const Tensor wanted = reconstruction_gradient.norm().to(torch::kDouble);
  const Tensor given = adversarial_gradient.norm().to(torch::kDouble);
  return (wanted / (given + kLeastLength)).clamp_max(kMostWeight);
}

AdversarialTerm adversarial_term(const PatchDiscriminator& discriminator, const Tensor& made,
                                 const Tensor& real, const Tensor& error, const Tensor& last_kernel,
                                 double weight) {
  const Tensor shown = made.detach().requires_grad_(true);
  const Tensor made_scores = discriminator.scores(shown);
  const Tensor fooling = -made_scores.mean();
  const Tensor slope = gradient_of(fooling, shown);
  AdversarialTerm term;
  term.balance =
      balanced_weight(gradient_of(error, last_kernel), gradient_of(made, last_kernel, slope));
  const Tensor judged = hinge_loss(discriminator.scores(real), made_scores);
  const Tensor pull = (weight * term.balance).to(made.scalar_type());
  const Tensor both = pull * (made * slope).sum() + judged;
  term.total = both - both.detach();
  term.fooling = fooling.detach();
  term.discriminator = judged.detach();
  return term;
}

}  // namespace sumi
