#pragma once

#include <cstdint>

#include "core/config.h"

namespace sumi {

/// The discriminator of the autoencoder's pictures, and when it takes part.
struct AdversarialConfig {
  double weight = 0;
  std::int64_t start_samples = 10000;
  double learning_rate = 2e-4;
  int channels = 32;
  int levels = 3;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit(
        "weight", self.weight,
        "pull of the adversary as a share of the reconstruction's, measured at the decoder's last "
        "layer, e.g. 0.5; 0: there is none");
    visit("start_samples", self.start_samples, "samples before the adversary joins");
    visit("learning_rate", self.learning_rate,
          "highest rate of the discriminator's AdamW, above 0, at most 0.1; it rises and falls as "
          "trainer.learning_rate does");
    visit("channels", self.channels,
          "channels of the discriminator's first level, twice as many at each further one up to "
          "eight times; a multiple of 8");
    visit("levels", self.levels,
          "strided convolutions, 1 to 6: with 3 a patch is 70 pixels wide and pictures need 24, "
          "with 2 it is 34 and they need 12");
  }
};

/// Weights of the autoencoder's loss terms.
struct AutoencoderLossConfig {
  double absolute = 1;
  double squared = 1;
  double edges = 1;
  double kl = 1e-6;
  double perceptual = 0;
  AdversarialConfig adversarial;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("absolute", self.absolute, "smooth absolute error of the pixels (Charbonnier)");
    visit("squared", self.squared, "squared error of the pixels");
    visit("edges", self.edges, "error of the differences between neighbours, at three scales");
    visit("kl", self.kl, "pull of the latents' distribution towards the unit normal");
    visit("perceptual", self.perceptual,
          "distance of the pictures' features in the recipe's `scorer`; 0: none are computed");
    visit("adversarial", self.adversarial, "a discriminator that the pictures have to pass");
  }
};

/// Throws Error naming the field when a value makes no sense.
void check(const AutoencoderLossConfig& config);

}  // namespace sumi
