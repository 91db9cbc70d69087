#include "training/scorer_survey.h"

#include <c10/core/GradMode.h>

#include "core/error.h"
#include "data/framing.h"
#include "data/near_vectors.h"
#include "media/reduced.h"
#include "media/resize.h"
#include "training/picture_tensor.h"
#include "training/prompts.h"

namespace sumi {
namespace {

constexpr int kBatch = 32;
constexpr int kDefaultSide = 64;  // of scorers that do not say theirs

Image seen_by(const OpenedScorer& scorer, const Row& row) {
  const int side = scorer.size_px > 0 ? scorer.size_px : kDefaultSide;
  const PictureBytes opened(row);
  auto picture = is_vector(row) ? load_picture(row, 2 * side)
                                : decode_reduced(opened.bytes(), row.id, side).image;
  return resize_to_cover(opaque(std::move(picture)), side, side);
}

/// The readable pictures among `count` from `first` on.
void look(const OpenedScorer& scorer, Survey& survey, std::size_t first, std::size_t count,
          std::vector<float>& vectors, std::vector<std::uint32_t>& owners) {
  std::vector<Image> pictures;
  std::vector<std::string> captions;
  const auto start = owners.size();
  for (auto i = first; i < first + count; ++i) {
    if (!survey.facts[i].error.empty()) continue;
    try {
      pictures.push_back(seen_by(scorer, survey.data.pictures[i].row));
    } catch (const Error& error) {
      survey.facts[i].error = error.what();
      continue;
    }
    captions.push_back(survey.data.pictures[i].row.caption);
    owners.push_back(static_cast<std::uint32_t>(i));
  }
  if (pictures.empty()) return;
  const Tensor seen = scorer.scorer.picture_vectors(tensor_of(pictures)).contiguous();
  const Tensor read = scorer.scorer.prompt_vectors(ids_of(captions, scorer.tokenizer));
  const Tensor match = (seen * read).sum(1).contiguous();
  vectors.insert(vectors.end(), seen.data_ptr<float>(), seen.data_ptr<float>() + seen.numel());
  for (std::size_t k = 0; k < captions.size(); ++k) {
    const auto owner = owners[start + k];
    if (survey.data.pictures[owner].has_caption)
      survey.facts[owner].match = match.data_ptr<float>()[k];
  }
}

}  // namespace

std::function<void(Survey&)> judged_by(std::shared_ptr<const OpenedScorer> scorer, double near,
                                       const ProgressSink& progress, const CancelToken& cancel) {
  return [=](Survey& survey) {
    const c10::NoGradGuard no_grad;
    const auto count = survey.facts.size();
    std::vector<float> vectors;
    std::vector<std::uint32_t> owners;
    Progress looked("comparing pictures and captions", static_cast<std::int64_t>(count), progress);
    for (std::size_t first = 0; first < count; first += kBatch) {
      if (cancel.requested()) throw Cancelled();
      const auto part = std::min<std::size_t>(kBatch, count - first);
      look(*scorer, survey, first, part, vectors, owners);
      looked.advance(static_cast<std::int64_t>(part));
    }
    const auto width = static_cast<std::size_t>(scorer->scorer.image_config().embedding);
    for (const auto& pair : near_vectors(vectors, width, near)) {
      survey.near.push_back({owners[pair.a], owners[pair.b]});
      ++survey.near_by_scorer;
    }
  };
}

}  // namespace sumi
