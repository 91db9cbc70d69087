#pragma once

#include <cstdint>

namespace sumi {

/// Everything that changes from update to update.
struct Counters {
  std::int64_t samples = 0;
  std::int64_t updates = 0;
  std::int64_t skipped = 0;
  int skipped_in_a_row = 0;
  double mean_loss = 0;
  double mean_weight = 0;  ///< 1 - memory^n: removes the bias of the running mean's start
  double validation_loss = 0;
  double best_loss = 0;  ///< of `validations`
  int validations = 0;
  int validations_without_gain = 0;
  int rollbacks = 0;
  bool stopped_early = false;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("samples", self.samples, "");
    visit("updates", self.updates, "");
    visit("skipped", self.skipped, "");
    visit("skipped_in_a_row", self.skipped_in_a_row, "");
    visit("mean_loss", self.mean_loss, "");
    visit("mean_weight", self.mean_weight, "");
    visit("validation_loss", self.validation_loss, "");
    visit("best_loss", self.best_loss, "");
    visit("validations", self.validations, "");
    visit("validations_without_gain", self.validations_without_gain, "");
    visit("rollbacks", self.rollbacks, "");
    visit("stopped_early", self.stopped_early, "");
  }
};

}  // namespace sumi
