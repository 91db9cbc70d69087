#include "data/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace sumi {

std::vector<Verdict> judge(const OwnPicture& picture, const PictureFacts& facts,
                           const Thresholds& thresholds) {
  if (!facts.error.empty()) return {{"broken", facts.error, "readable"}};
  std::vector<Verdict> verdicts;
  const auto limit = [&](const char* reason, bool beyond, double value, double threshold) {
    if (beyond)
      verdicts.push_back({reason, fmt::format("{:.4g}", value), fmt::format("{:.4g}", threshold)});
  };
  const auto most = [&](const char* reason, double value, double threshold) {
    limit(reason, value > threshold, value, threshold);
  };
  const auto least = [&](const char* reason, double value, double threshold) {
    limit(reason, value < threshold, value, threshold);
  };
  const auto& m = facts.measures;
  const auto [small, large] = std::minmax(facts.width, facts.height);
  least("too_small", small, thresholds.min_side);
  most("aspect", static_cast<double>(large) / std::max(1, small), thresholds.max_aspect);
  least("flat", m.contrast, thresholds.min_contrast);
  least("blurred", m.sharpness, thresholds.min_sharpness);
  most("noisy", m.noise, thresholds.max_noise);
  most("blocky", m.blockiness, thresholds.max_blockiness);
  if (facts.jpeg_quality > 0) least("low_quality", facts.jpeg_quality, thresholds.min_jpeg_quality);
  most("plain", m.plain, thresholds.max_plain);
  most("border", m.border, thresholds.max_border);
  most("watermark", m.watermark, thresholds.max_watermark);
  if (!picture.has_caption && thresholds.min_words > 0) {
    verdicts.push_back({"no_caption", "0", fmt::format("{}", thresholds.min_words)});
  } else {
    least("short_caption", facts.words, thresholds.min_words);
    most("long_caption", facts.words, thresholds.max_words);
  }
  if (facts.match) least("mismatch", *facts.match, thresholds.min_match);
  return verdicts;
}

std::vector<double> quality_ranks(const Survey& survey) {
  const auto count = survey.facts.size();
  std::vector<double> total(count, 0);
  std::vector<std::size_t> order(count);
  const auto add = [&](auto&& value_of) {
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return value_of(survey.facts[a]) < value_of(survey.facts[b]);
    });
    for (std::size_t rank = 0; rank < count; ++rank)
      total[order[rank]] += static_cast<double>(rank + 1) / (4 * static_cast<double>(count));
  };
  add([](const PictureFacts& f) { return static_cast<double>(f.width) * f.height; });
  add([](const PictureFacts& f) { return f.measures.sharpness; });
  add([](const PictureFacts& f) { return -f.measures.noise - 10 * f.measures.blockiness; });
  add([](const PictureFacts& f) { return f.measures.contrast; });
  for (std::size_t i = 0; i < count; ++i)
    if (!survey.facts[i].error.empty()) total[i] = 0;
  return total;
}

}  // namespace sumi
