#include "training/adversarial.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

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

double balanced_weight(const Tensor& reconstruction_gradient, const Tensor& adversarial_gradient) {
  const auto wanted = reconstruction_gradient.norm().item<double>();
  const auto given = adversarial_gradient.norm().item<double>();
  return std::min(wanted / (given + kLeastLength), kMostWeight);
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
  const Tensor both = weight * term.balance * (made * slope).sum() + judged;
  term.total = both - both.detach();
  term.fooling = fooling.item<double>();
  term.discriminator = judged.item<double>();
  return term;
}

}  // namespace sumi
