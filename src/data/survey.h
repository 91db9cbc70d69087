#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/progress.h"
#include "data/collection.h"
#include "data/perceptual_hash.h"
#include "data/picture_measures.h"

namespace sumi {

/// What was found out about one picture and its caption.
struct PictureFacts {
  std::string error;    ///< why it cannot be read; empty: it can
  std::string content;  ///< 128-bit XXH3 of the file's bytes, in hex
  std::string format;   ///< "png", "jpeg", "webp" or "svg"
  std::uint64_t bytes = 0;
  int width = 0, height = 0;  ///< upright; of a vector picture as drawn
  int jpeg_quality = 0;       ///< 0: no JPEG
  bool opted_out = false;     ///< beside the picture or inside it
  PictureMeasures measures;
  int words = 0;               ///< of the caption
  std::string language;        ///< guess_language(); empty without a caption
  std::uint32_t exact_of = 0;  ///< the first picture of the same bytes, itself if it is the first
  std::uint32_t group = 0;     ///< the first of its near-duplicates, itself if it has none before
  /// How well caption and picture fit, -1 to 1; filled by a measure from outside, see
  /// SurveyOptions::also.
  std::optional<double> match;
};

struct Survey {
  Collection data;
  std::vector<PictureFacts> facts;  ///< one for each of data.pictures
  std::vector<NearPair> near;       ///< near-duplicates, exact ones joined to their first
  std::size_t near_by_scorer = 0;   ///< pairs of `near` that a network's vectors added
  double seconds = 0;
  int threads = 0;
};

struct SurveyOptions {
  int threads = 0;          ///< 0: every core
  int near_distance = 4;    ///< of 64 bits of the perceptual hash
  double near_colour = 8;   ///< mean difference of 8x8 colours, in 8-bit levels
  int vector_px = 512;      ///< side at which vector pictures are drawn
  int least_side_px = 512;  ///< JPEGs are decoded no larger than this asks for
  /// Measures that need a network (embeddings, picture and caption) fill their columns and may add
  /// pairs here, before groups are made.
  std::function<void(Survey&)> also = nullptr;
};

/// Reads every picture once, on all cores, and measures it. Pictures that cannot be read are kept
/// with their error.
Survey take_survey(Collection data, const SurveyOptions& options = {},
                   const ProgressSink& sink = {});

}  // namespace sumi
