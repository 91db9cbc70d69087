#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "training/objective_config.h"

namespace sumi {

/// The parts of a caption between commas in an order that the seed decides; the first `keep` stay
/// where they are. Parts are trimmed, empty ones left out.
std::string shuffled_tags(const std::string& caption, int keep, std::uint64_t seed);

/// What a step teaches of a batch's captions: tags in a new order where the recipe asks, and a
/// share of them emptied, since guidance needs a network that also knows no prompt.
void vary_captions(std::vector<std::string>& captions, const ObjectiveConfig& config,
                   std::uint64_t seed);

}  // namespace sumi
