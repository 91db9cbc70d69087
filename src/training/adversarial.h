#pragma once

#include "training/patch_discriminator.h"

namespace sumi {

/// The discriminator's hinge loss (Lim & Ye 2017): half of what real scores lack to 1 and made ones
/// exceed -1.
Tensor hinge_loss(const Tensor& real_scores, const Tensor& made_scores);

/// How much the adversarial loss counts so that it pulls as hard as the reconstruction (Esser et
/// al. 2021, equation 7): the ratio of the lengths of their gradients, 0 to 1e4.
/// A double scalar.
Tensor balanced_weight(const Tensor& reconstruction_gradient, const Tensor& adversarial_gradient);

/// What a discriminator says to made pictures, and both sides learn from it.
struct AdversarialTerm {
  Tensor total;          ///< 0, with the gradients for both sides
  Tensor fooling;        ///< the made pictures' loss: minus their mean score
  Tensor discriminator;  ///< its own hinge loss
  Tensor balance;        ///< balanced_weight()
};

/// Both sides of the game at once, at the same weights. The pictures are pulled towards higher
/// scores, `weight` times the balance; the discriminator learns from them as they are. Neither
/// side's gradient reaches the other's weights. made (with its graph), real: [N, 3, H, W];
/// `error`: what the pictures are otherwise taught by; `last_kernel`: the weights that the
/// gradients are compared at. Losses without a scale, they are left out of the total's value.
AdversarialTerm adversarial_term(const PatchDiscriminator& discriminator, const Tensor& made,
                                 const Tensor& real, const Tensor& error, const Tensor& last_kernel,
                                 double weight);

}  // namespace sumi
