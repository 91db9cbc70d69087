#pragma once

#include <span>
#include <string>

#include "core/json.h"
#include "media/image.h"
#include "training/scorer.h"

namespace sumi {

/// How often a picture's own prompt is picked among a group's prompts.
struct Identification {
  int pictures = 0;
  int picked = 0;
  int group = 64;
  double rate = 0;           ///< picked / pictures
  double low = 0, high = 0;  ///< 95 % interval of the rate (Wilson 1927)
  double chance() const { return 1.0 / group; }
};

/// Judges pictures[i] against the prompts of its group: numbers i - i % group onwards; a last,
/// smaller group is left out. A prompt that occurs twice in a group counts as one. Throws Error
/// unless there are as many prompts as pictures and at least one group.
Identification identify(const OpenedScorer& scorer, std::span<const Image> pictures,
                        std::span<const std::string> prompts, int group = 64);

/// The two ends of the 95 % interval for `hits` of `trials`.
std::pair<double, double> wilson_interval(int hits, int trials);

Json to_json(const Identification& result);

}  // namespace sumi
