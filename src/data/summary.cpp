#include "data/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "data/caption_measures.h"

namespace sumi {
namespace {

constexpr std::size_t kNamed = 50;
constexpr std::size_t kListed = 40;
/// Values that occur so many times more or less often than the mean are over- or under-represented.
constexpr double kOutOfBalance = 4;

using Counts = std::map<std::string, std::size_t>;
using Ranking = std::vector<std::pair<std::string, std::size_t>>;

Ranking ranked(const Counts& counts) {
  Ranking ranking(counts.begin(), counts.end());
  std::stable_sort(ranking.begin(), ranking.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return ranking;
}

Json listed(const Ranking& ranking, std::size_t most = kListed) {
  Json list = Json::array();
  for (std::size_t i = 0; i < std::min(most, ranking.size()); ++i)
    list.push_back({{"name", ranking[i].first}, {"count", ranking[i].second}});
  return list;
}

Json named(const std::vector<std::string>& names) {
  const auto shown = std::min(kNamed, names.size());
  return {{"count", names.size()},
          {"first", std::vector<std::string>(names.begin(),
                                             names.begin() + static_cast<std::ptrdiff_t>(shown))}};
}

Json quantiles(std::vector<double> values) {
  if (values.empty()) return Json::object();
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
  };
  return {{"least", values.front()},
          {"p05", at(0.05)},
          {"median", at(0.5)},
          {"p95", at(0.95)},
          {"most", values.back()}};
}

/// Evenness is the entropy of the shares over that of equal ones: 1 when all occur equally often.
Json balance_of(const Counts& counts) {
  double total = 0, entropy = 0;
  for (const auto& [name, count] : counts) total += static_cast<double>(count);
  for (const auto& [name, count] : counts) {
    const double share = static_cast<double>(count) / total;
    entropy -= share * std::log(share);
  }
  const auto ranking = ranked(counts);
  const double mean = total / std::max<double>(1, static_cast<double>(counts.size()));
  Ranking over, under;
  for (const auto& entry : ranking) {
    if (static_cast<double>(entry.second) > kOutOfBalance * mean) over.push_back(entry);
    if (static_cast<double>(entry.second) * kOutOfBalance < mean) under.push_back(entry);
  }
  std::reverse(under.begin(), under.end());
  return {{"different", counts.size()},
          {"evenness",
           counts.size() > 1 ? entropy / std::log(static_cast<double>(counts.size())) : 1.0},
          {"mean", mean},
          {"most", listed(ranking)},
          {"over_represented", listed(over)},
          {"under_represented", listed(under)},
          {"under_represented_count", under.size()}};
}

Json captions_of(const Survey& survey) {
  Counts languages, texts, vocabulary;
  for (std::size_t i = 0; i < survey.facts.size(); ++i) {
    const auto& row = survey.data.pictures[i].row;
    if (!survey.data.pictures[i].has_caption) continue;
    ++languages[survey.facts[i].language];
    ++texts[row.caption];
    for (const auto& word : caption_words(row.caption)) ++vocabulary[word];
  }
  std::size_t once = 0, repeated = 0, in_repeats = 0;
  for (const auto& [word, count] : vocabulary) once += count == 1;
  for (const auto& [text, count] : texts)
    repeated += count > 1, in_repeats += count > 1 ? count : 0;
  auto repeats = ranked(texts);
  std::erase_if(repeats, [](const auto& entry) { return entry.second < 2; });
  return {{"languages", listed(ranked(languages))},
          {"different", texts.size()},
          {"repeated", repeated},
          {"pictures_with_repeated", in_repeats},
          {"most_repeated", listed(repeats, 20)},
          {"vocabulary", vocabulary.size()},
          {"words_seen_once", once},
          {"most_frequent_words", listed(ranked(vocabulary))}};
}

Json balances_of(const Survey& survey) {
  Counts groups, tags, styles, licences;
  for (const auto& picture : survey.data.pictures) {
    const auto& row = picture.row;
    if (!row.group.empty()) ++groups[row.group];
    if (!row.style.empty()) ++styles[row.style];
    ++licences[row.licence.empty() ? "not stated" : row.licence];
    for (const auto& tag : std::set<std::string>(row.tags.begin(), row.tags.end())) ++tags[tag];
  }
  return {{"groups", balance_of(groups)},
          {"tags", balance_of(tags)},
          {"styles", balance_of(styles)},
          {"licences", balance_of(licences)}};
}

Json reasons_of(const Survey& survey, const Thresholds& thresholds) {
  Counts reasons;
  for (std::size_t i = 0; i < survey.facts.size(); ++i)
    for (const auto& verdict : judge(survey.data.pictures[i], survey.facts[i], thresholds))
      ++reasons[verdict.reason];
  Json result = Json::object();
  for (const auto& [reason, count] : ranked(reasons)) result[reason] = count;
  return result;
}

/// Readable pictures' sizes. A vector picture has its proportions and is never too small.
std::vector<PixelSize> shapes_of(const Survey& survey) {
  constexpr int kAnySize = 64;
  std::vector<PixelSize> shapes;
  for (std::size_t i = 0; i < survey.facts.size(); ++i) {
    const auto& facts = survey.facts[i];
    if (!facts.error.empty()) continue;
    const int scale = is_vector(survey.data.pictures[i].row) ? kAnySize : 1;
    shapes.push_back({facts.width * scale, facts.height * scale});
  }
  return shapes;
}

Json buckets_of(const Survey& survey, const BucketView& view) {
  const auto shapes = shapes_of(survey);
  double in_buckets = 0, as_squares = 0;
  for (const auto& shape : shapes) as_squares += cropped_share(shape, {1, 1});
  Json sizes = Json::array();
  for (const auto& figure : bucket_figures(shapes, view.size_px, view.buckets)) {
    in_buckets += figure.cropped * static_cast<double>(figure.pictures);
    sizes.push_back({{"width", figure.size.width},
                     {"height", figure.size.height},
                     {"pictures", figure.pictures},
                     {"cropped", figure.cropped},
                     {"enlarged", figure.enlarged}});
  }
  const auto count = std::max<double>(1, static_cast<double>(shapes.size()));
  return {{"size_px", view.size_px},
          {"step_px", view.buckets.step_px},
          {"max_aspect", view.buckets.max_aspect},
          {"cropped", in_buckets / count},
          {"cropped_as_squares", as_squares / count},
          {"sizes", sizes}};
}

}  // namespace

std::vector<double> values_of(const Survey& survey, std::string_view measure) {
  std::vector<double> values;
  const auto take = [&](auto&& value_of) {
    for (const auto& facts : survey.facts)
      if (facts.error.empty()) values.push_back(static_cast<double>(value_of(facts)));
  };
  using Facts = const PictureFacts&;
  if (measure == "sharpness") take([](Facts f) { return f.measures.sharpness; });
  if (measure == "noise") take([](Facts f) { return f.measures.noise; });
  if (measure == "blockiness") take([](Facts f) { return f.measures.blockiness; });
  if (measure == "contrast") take([](Facts f) { return f.measures.contrast; });
  if (measure == "plain") take([](Facts f) { return f.measures.plain; });
  if (measure == "border") take([](Facts f) { return f.measures.border; });
  if (measure == "watermark") take([](Facts f) { return f.measures.watermark; });
  if (measure == "jpeg_quality") {
    take([](Facts f) { return f.jpeg_quality; });
    std::erase(values, 0.0);
  }
  if (measure == "side") take([](Facts f) { return std::min(f.width, f.height); });
  if (measure == "aspect")
    take([](Facts f) { return static_cast<double>(f.width) / std::max(1, f.height); });
  if (measure == "words") take([](Facts f) { return f.words; });
  if (measure == "match") {
    for (const auto& facts : survey.facts)
      if (facts.match) values.push_back(*facts.match);
  }
  return values;
}

Json summarise(const Survey& survey, const Thresholds& thresholds, const BucketView& view) {
  Counts formats;
  std::vector<std::string> broken, bare;
  std::size_t exact = 0, near = 0, opted_out = 0;
  std::uint64_t bytes = 0;
  std::set<std::uint32_t> groups;
  for (std::uint32_t i = 0; i < survey.facts.size(); ++i) {
    const auto& facts = survey.facts[i];
    const auto& picture = survey.data.pictures[i];
    bytes += facts.bytes;
    opted_out += facts.opted_out;
    if (!facts.error.empty())
      broken.push_back(facts.error);
    else
      ++formats[facts.format];
    if (!picture.has_caption) bare.push_back(shown_name(picture.row));
    exact += facts.exact_of != i;
    near += facts.group != i && facts.exact_of == i;
    if (facts.group != i) groups.insert(facts.group);
  }
  Json measures = Json::object();
  for (const char* name : {"side", "aspect", "sharpness", "noise", "blockiness", "jpeg_quality",
                           "contrast", "plain", "border", "watermark", "words"})
    measures[name] = quantiles(values_of(survey, name));
  if (auto match = values_of(survey, "match"); !match.empty())
    measures["match"] = quantiles(std::move(match));
  const auto count = static_cast<double>(survey.facts.size());
  return {{"pictures", survey.facts.size()},
          {"bytes", bytes},
          {"seconds", survey.seconds},
          {"threads", survey.threads},
          {"pictures_per_minute_and_core", count / survey.seconds * 60 / survey.threads},
          {"broken", named(broken)},
          {"without_caption", named(bare)},
          {"captions_without_picture", named(survey.data.orphans)},
          {"unreadable_records", named(survey.data.complaints)},
          {"notes", survey.data.notes},
          {"opted_out", opted_out},
          {"exact_duplicates", exact},
          {"near_duplicates", near},
          {"pairs_near_by_scorer", survey.near_by_scorer},
          {"groups_of_near_duplicates", groups.size()},
          {"formats", listed(ranked(formats))},
          {"measures", measures},
          {"buckets", buckets_of(survey, view)},
          {"beyond_thresholds", reasons_of(survey, thresholds)},
          {"thresholds", to_json(thresholds)},
          {"captions", captions_of(survey)},
          {"balance", balances_of(survey)}};
}

}  // namespace sumi
