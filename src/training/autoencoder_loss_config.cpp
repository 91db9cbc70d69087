#include "training/autoencoder_loss_config.h"

#include "core/error.h"

namespace sumi {
namespace {

void need(bool sense, const char* field, double value, const char* range) {
  if (!sense)
    throw Error(fmt::format("autoencoder_loss.{}: {} is not {}", field, value, range),
                fmt::format("use a number that is {}", range));
}

void need_weight(const char* field, double value) {
  need(value >= 0 && value <= 1e6, field, value, "in 0 to 1e6");
}

}  // namespace

void check(const AutoencoderLossConfig& config) {
  need_weight("absolute", config.absolute);
  need_weight("squared", config.squared);
  need_weight("edges", config.edges);
  need_weight("kl", config.kl);
  need_weight("perceptual", config.perceptual);
  const auto& a = config.adversarial;
  need_weight("adversarial.weight", a.weight);
  need(a.start_samples >= 0, "adversarial.start_samples", static_cast<double>(a.start_samples),
       "0 or more");
  need(a.learning_rate > 0 && a.learning_rate <= 0.1, "adversarial.learning_rate", a.learning_rate,
       "above 0 and at most 0.1");
  need(a.channels >= 8 && a.channels <= 512 && a.channels % 8 == 0, "adversarial.channels",
       a.channels, "a multiple of 8 from 8 to 512");
  need(a.levels >= 1 && a.levels <= 6, "adversarial.levels", a.levels, "in 1 to 6");
}

}  // namespace sumi
