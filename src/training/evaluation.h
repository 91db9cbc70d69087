#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/progress.h"
#include "core/runtime.h"
#include "data/dataset.h"
#include "media/image.h"
#include "models/inception.h"
#include "training/distances.h"
#include "training/neighbours.h"
#include "training/scorer.h"

namespace sumi {

/// Pictures with their captions.
struct PictureSet {
  std::vector<Image> pictures;
  std::vector<std::string> captions;
  Damage damage;  ///< samples passed over
};

/// The first `count` samples of a world. Throws Cancelled when a stop was requested, Error when too
/// many are damaged.
PictureSet first_samples(const Dataset& world, int count, const ProgressSink& progress,
                         const CancelToken& cancel);

/// Cuts the last `count` off `set` and returns them.
PictureSet split_off(PictureSet& set, int count);

/// What networks see in pictures. float64.
struct PictureFeatures {
  Tensor pooled;  ///< [N, D], what distances and neighbours are measured in
  Tensor unit;    ///< [N, embedding], the vectors that are compared with prompts
};
PictureFeatures features_of(const OpenedScorer& network, std::span<const Image> pictures,
                            const ProgressSink& progress, const CancelToken& cancel);
/// The same with Inception's features; the vectors stay the scorer's.
PictureFeatures features_of(const Inception& network, const OpenedScorer& scorer,
                            std::span<const Image> pictures, const ProgressSink& progress,
                            const CancelToken& cancel);

/// The measures of an evaluation, and why others are not among them.
struct ChosenMeasures {
  std::vector<std::string> names;
  std::map<std::string, std::string> left_out;  ///< name -> why
  bool has(const std::string& name) const;
};

/// All measures, or those asked for. One for which `count` generated or `reference` real pictures
/// are too few is left out; if it was asked for, Error says how many it takes. `width`: features of
/// a picture.
ChosenMeasures choose_measures(const std::vector<std::string>& asked, int count, int reference,
                               int width);

/// Figures by name ("fid", "kid", …), in the order they are told.
using Figures = std::vector<std::pair<std::string, Estimate>>;

/// How far a set of pictures is from a reference.
struct Comparison {
  Figures figures;
  std::optional<double> fid_infinity;
  std::optional<SubsetSpread> kid_subsets;
};
Comparison compare(const PictureFeatures& pictures, const PictureFeatures& reference,
                   const ChosenMeasures& measures, int repeats, std::uint64_t seed);

/// Mean cosine between pictures and their own prompts, the figure behind CLIPScore (Hessel et al.
/// 2021) without its factor. pictures: unit vectors [N, embedding].
Estimate prompt_cosine(const OpenedScorer& scorer, const Tensor& pictures,
                       std::span<const std::string> prompts, int repeats, std::uint64_t seed);

/// What an autoencoder loses of real pictures, the floor of every model that draws through it.
struct Reconstruction {
  Estimate psnr_db;
  Estimate ssim;
};
/// `again`[i] is what became of `pictures`[i].
Reconstruction reconstruction(std::span<const Image> pictures, std::span<const Image> again,
                              int repeats, std::uint64_t seed);

/// Pixels to compare pictures by: [N, D] in [-1, 1], from at most 64 x 64 pixels of each.
Tensor pixel_features(std::span<const Image> pictures);

/// `name`: {value, interval_95}.
Json to_json(const Estimate& estimate);
Json to_json(const Memorisation& memorisation);

}  // namespace sumi
