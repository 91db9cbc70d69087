#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/config.h"
#include "core/progress.h"
#include "data/manifest.h"

namespace sumi {

/// Pictures of a world's sources that are nearly the same: when they are, and what becomes of them.
/// Colours are 8-bit levels in the mean over 8x8 places.
struct LikenessConfig {
  double weight = 1;
  int distance = 3;
  double colour = 6;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit(
        "weight", self.weight,
        "how often a picture that nearly repeats an earlier one is drawn, relative to it; 0 leaves "
        "it out; below 1 such pictures also stand on one side of the split; 1 looks for none");
    visit("distance", self.distance, "bits of 64 in which their hashes differ, at most: 0 to 12");
    visit("colour", self.colour, "8-bit levels by which their colours differ, at most");
  }
};

/// Throws Error naming the field for numbers out of range.
void check(const LikenessConfig& config);

/// For each row the first one of its family: pictures joined by a chain of near pairs, which are
/// looked for among the cut-outs of sources drawn 64 px large, whatever the world's size. Other
/// rows (whole pictures, portraits, tiles, what cannot be drawn) are families of their own.
std::vector<std::uint32_t> near_families(const std::vector<Row>& rows, const LikenessConfig& config,
                                         const std::filesystem::path& cache,
                                         const ProgressSink& sink = {});

/// What of the rows a world draws from: those that stand on another side of the split than their
/// family are given the weight 0, and those that repeat an earlier one of their style theirs times
/// `config.weight`. A family stands on the side that training sees least of.
void weigh_families(std::vector<Row>& rows, const std::vector<std::uint32_t>& families,
                    const LikenessConfig& config);

}  // namespace sumi
