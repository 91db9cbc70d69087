#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "training/evaluation.h"
#include "training/identification.h"

namespace sumi {

/// What was found of one set of pictures: generated ones, or real ones as the figure to reach.
struct SetFigures {
  Comparison comparison;
  std::optional<Estimate> clip_score;
  std::optional<Identification> identification;
  std::optional<Memorisation> by_features;
  std::optional<Memorisation> by_pixels;
};

/// The autoencoder's floor: what real pictures lose on their way through it.
struct ReconstructionFigures {
  Reconstruction pixels;
  Figures distances;  ///< of decoded pictures to the reference
};

/// Everything `sumi eval` tells.
struct EvalReport {
  SetFigures generated;
  SetFigures real;
  std::optional<ReconstructionFigures> reconstruction;
  std::map<std::string, std::string> left_out;
  Json settings;
  Json closest = Json::array();  ///< generated pictures nearest to training
  std::vector<std::string> sheets;
};

/// One object: figures of generated pictures as plain numbers by name, `intervals_95`, `real`,
/// `reconstruction`, `memorisation`, `left_out`, `settings`, `sheets`.
Json to_json(const EvalReport& report);

/// The same as a table on stdout.
void print(const EvalReport& report);

}  // namespace sumi
