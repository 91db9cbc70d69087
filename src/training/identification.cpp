#include "training/identification.h"

#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "training/picture_tensor.h"
#include "training/prompts.h"

namespace sumi {
namespace {

/// Whether no other prompt's score is above that of prompt `own`.
bool own_wins(const float* scores, std::span<const std::string> prompts, std::size_t own) {
  for (std::size_t other = 0; other < prompts.size(); ++other)
    if (scores[other] >= scores[own] && prompts[other] != prompts[own]) return false;
  return true;
}

}  // namespace

std::pair<double, double> wilson_interval(int hits, int trials) {
  constexpr double z = 1.959963985;
  const double n = trials, p = hits / n;
  const double centre = p + z * z / (2 * n);
  const double spread = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  const double scale = 1 + z * z / n;
  // Rounding must not put the rate itself outside.
  return {std::clamp((centre - spread) / scale, 0.0, p),
          std::clamp((centre + spread) / scale, p, 1.0)};
}

Identification identify(const OpenedScorer& opened, std::span<const Image> pictures,
                        std::span<const std::string> prompts, int group) {
  const c10::NoGradGuard no_grad;
  const auto size = static_cast<std::size_t>(group);
  if (pictures.size() != prompts.size() || group < 2 || pictures.size() < size)
    throw Error(fmt::format("identification: {} pictures and {} prompts in groups of {}",
                            pictures.size(), prompts.size(), group),
                "give one prompt for each picture, and at least one whole group");
  Identification result;
  result.group = group;
  for (std::size_t first = 0; first + size <= pictures.size(); first += size) {
    const auto names = prompts.subspan(first, size);
    const Tensor seen = opened.scorer.picture_vectors(tensor_of(pictures.subspan(first, size)));
    const Tensor said = opened.scorer.prompt_vectors(ids_of(names, opened.tokenizer));
    const Tensor scores = at::matmul(seen, said.t()).contiguous();
    for (std::size_t i = 0; i < size; ++i)
      result.picked += own_wins(scores.data_ptr<float>() + i * size, names, i) ? 1 : 0;
    result.pictures += group;
  }
  result.rate = static_cast<double>(result.picked) / result.pictures;
  std::tie(result.low, result.high) = wilson_interval(result.picked, result.pictures);
  return result;
}

Json to_json(const Identification& result) {
  return {{"pictures", result.pictures},
          {"picked", result.picked},
          {"group", result.group},
          {"rate", result.rate},
          {"interval_95", {result.low, result.high}},
          {"chance", result.chance()}};
}

}  // namespace sumi
