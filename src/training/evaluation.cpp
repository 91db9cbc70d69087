#include "training/evaluation.h"

#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "media/compare.h"
#include "media/resize.h"
#include "training/measures.h"
#include "training/picture_tensor.h"
#include "training/prompts.h"

namespace sumi {
namespace {

constexpr int kBatch = 64;
constexpr int kInceptionBatch = 16;  // 0.4 GB of activations at 299 x 299
constexpr int kPixelSide = 64;
constexpr int kKidSubsets = 100, kKidSubsetSize = 1000;

/// Pictures of either set that a measure needs.
int needed(const std::string& measure, int width) {
  const AgreementOptions neighbours;
  if (measure == "fid") return width + 1;  // fewer leave the covariance singular
  if (measure == "kid") return 4;          // two subsets of two
  if (measure == "precision") return neighbours.precision_neighbours + 1;
  if (measure == "density") return neighbours.density_neighbours + 1;
  return 2;
}

/// Calls look([N, 3, H, W]) for one batch after the other.
template <class Look>
void in_batches(std::span<const Image> pictures, std::size_t size, const ProgressSink& progress,
                const CancelToken& cancel, Look&& look) {
  const c10::NoGradGuard no_grad;
  Progress told("looking at pictures", static_cast<std::int64_t>(pictures.size()), progress);
  for (std::size_t first = 0; first < pictures.size(); first += size) {
    cancel.check();
    const auto some = pictures.subspan(first, std::min(size, pictures.size() - first));
    look(tensor_of(some));
    told.advance(static_cast<std::int64_t>(some.size()));
  }
}

Tensor as_rows(const std::vector<double>& values) { return at::tensor(values, torch::kDouble); }

}  // namespace

PictureSet first_samples(const Dataset& world, int count, const ProgressSink& progress,
                         const CancelToken& cancel) {
  LoaderOptions options;
  options.batch_size = std::min(kBatch, count);
  Loader loader(samples_of(world), options);
  PictureSet set;
  Progress told("reading real pictures", count, progress);
  while (static_cast<int>(set.pictures.size()) < count) {
    cancel.check();
    auto batch = loader.next();
    set.damage.add(batch.damage);
    const auto rest = static_cast<std::size_t>(count) - set.pictures.size();
    batch.samples.resize(std::min(batch.samples.size(), rest));
    for (auto& sample : batch.samples) {
      set.pictures.push_back(std::move(sample.picture));
      set.captions.push_back(std::move(sample.caption));
    }
    told.advance(static_cast<std::int64_t>(batch.samples.size()));
  }
  return set;
}

PictureSet split_off(PictureSet& set, int count) {
  PictureSet tail;
  tail.pictures.assign(std::make_move_iterator(set.pictures.end() - count),
                       std::make_move_iterator(set.pictures.end()));
  tail.captions.assign(set.captions.end() - count, set.captions.end());
  set.pictures.resize(set.pictures.size() - static_cast<std::size_t>(count));
  set.captions.resize(set.pictures.size());
  return tail;
}

PictureFeatures features_of(const OpenedScorer& network, std::span<const Image> pictures,
                            const ProgressSink& progress, const CancelToken& cancel) {
  std::vector<Tensor> pooled, unit;
  in_batches(pictures, kBatch, progress, cancel, [&](const Tensor& batch) {
    const Tensor seen = network.scorer.picture_features(batch);
    pooled.push_back(seen.to(torch::kDouble));
    unit.push_back(network.scorer.vectors_of(seen).to(torch::kDouble));
  });
  return {at::cat(pooled), at::cat(unit)};
}

PictureFeatures features_of(const Inception& network, const OpenedScorer& scorer,
                            std::span<const Image> pictures, const ProgressSink& progress,
                            const CancelToken& cancel) {
  std::vector<Tensor> pooled, unit;
  in_batches(pictures, kInceptionBatch, progress, cancel, [&](const Tensor& batch) {
    pooled.push_back(network.features(batch).to(torch::kDouble));
    unit.push_back(scorer.scorer.picture_vectors(batch).to(torch::kDouble));
  });
  return {at::cat(pooled), at::cat(unit)};
}

bool ChosenMeasures::has(const std::string& name) const {
  return std::find(names.begin(), names.end(), name) != names.end();
}

ChosenMeasures choose_measures(const std::vector<std::string>& asked, int count, int reference,
                               int width) {
  ChosenMeasures chosen;
  const std::vector<std::string> all(std::begin(kMeasures), std::end(kMeasures));
  for (const auto& name : asked.empty() ? all : asked) {
    const int least = needed(name, width);
    if (count >= least && reference >= least) {
      chosen.names.push_back(name);
      continue;
    }
    const auto why = fmt::format(
        "{} takes {} pictures or more of each kind, {} generated and {} "
        "real ones are to be looked at",
        name, least, count, reference);
    if (!asked.empty())
      throw Error(why, fmt::format("give --count {} and --reference {} or more", least, least));
    chosen.left_out[name] = why;
  }
  return chosen;
}

Comparison compare(const PictureFeatures& pictures, const PictureFeatures& reference,
                   const ChosenMeasures& measures, int repeats, std::uint64_t seed) {
  Comparison result;
  if (measures.has("fid")) {
    result.figures.emplace_back("fid", frechet_distance(pictures.pooled, reference.pooled));
    result.fid_infinity = extrapolated_frechet(pictures.pooled, reference.pooled, seed);
  }
  if (measures.has("kid")) {
    const auto kernel = cubic_kernel(pictures.pooled, reference.pooled);
    result.figures.emplace_back("kid", squared_mmd(kernel, repeats, seed));
    result.kid_subsets = subset_spread(kernel, kKidSubsets, kKidSubsetSize, seed);
  }
  if (measures.has("cmmd")) {
    auto distance = squared_mmd(gaussian_kernel(pictures.unit, reference.unit), repeats, seed);
    // In thousandths, as its authors tell it.
    for (double* figure : {&distance.value, &distance.low, &distance.high}) *figure *= 1000;
    result.figures.emplace_back("cmmd", distance);
  }
  if (measures.has("precision") || measures.has("density")) {
    const auto found = agreement(pictures.pooled, reference.pooled, {}, repeats, seed);
    if (measures.has("precision")) {
      result.figures.emplace_back("precision", found.precision);
      result.figures.emplace_back("recall", found.recall);
    }
    if (measures.has("density")) {
      result.figures.emplace_back("density", found.density);
      result.figures.emplace_back("coverage", found.coverage);
    }
  }
  return result;
}

Estimate prompt_cosine(const OpenedScorer& scorer, const Tensor& pictures,
                       std::span<const std::string> prompts, int repeats, std::uint64_t seed) {
  const c10::NoGradGuard no_grad;
  std::vector<Tensor> said;
  for (std::size_t first = 0; first < prompts.size(); first += kBatch) {
    const auto some = prompts.subspan(first, std::min<std::size_t>(kBatch, prompts.size() - first));
    said.push_back(scorer.scorer.prompt_vectors(ids_of(some, scorer.tokenizer)));
  }
  const Tensor cosines = (pictures * at::cat(said).to(torch::kDouble)).sum(1);
  return mean_with_interval(cosines, repeats, seed);
}

Reconstruction reconstruction(std::span<const Image> pictures, std::span<const Image> again,
                              int repeats, std::uint64_t seed) {
  std::vector<double> psnr, similarity;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    psnr.push_back(std::min(100.0, psnr_db(pictures[i], again[i])));  // equal ones have no limit
    similarity.push_back(ssim(pictures[i], again[i]));
  }
  return {mean_with_interval(as_rows(psnr), repeats, seed),
          mean_with_interval(as_rows(similarity), repeats, seed)};
}

Tensor pixel_features(std::span<const Image> pictures) {
  std::vector<Image> small(pictures.begin(), pictures.end());
  for (auto& picture : small)
    if (std::max(picture.width, picture.height) > kPixelSide)
      picture = resize_to_fit(picture, kPixelSide, kPixelSide, Filter::box);
  return tensor_of(small).flatten(1);
}

Json to_json(const Estimate& estimate) {
  return {{"value", estimate.value}, {"interval_95", {estimate.low, estimate.high}}};
}

Json to_json(const Memorisation& found) {
  return {{"nearer_to_training", to_json(found.nearer_to_training)},
          {"median_ratio", found.median_ratio},
          {"smallest_ratio", found.smallest_ratio}};
}

}  // namespace sumi
