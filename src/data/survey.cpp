#include "data/survey.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "core/error.h"
#include "data/caption_measures.h"
#include "data/near_pictures.h"
#include "data/opt_out.h"
#include "data/rasterise.h"
#include "media/metadata.h"
#include "media/reduced.h"

namespace sumi {
namespace {

std::string content_hash(std::span<const std::byte> bytes) {
  const auto hash = XXH3_128bits(bytes.data(), bytes.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

void read_metadata_of(std::span<const std::byte> bytes, OwnPicture& picture, PictureFacts& facts) {
  const auto metadata = read_metadata(bytes, picture.row.id);
  facts.format = to_string(metadata.format);
  facts.opted_out = facts.opted_out || says_no_ai(metadata);
  if (!picture.row.author.empty()) return;
  for (const auto& [name, text] : metadata.fields)
    if (name == "EXIF Artist") picture.row.author = caption_of_text(text);
}

void measure_pixels(std::span<const std::byte> bytes, const Row& row, const SurveyOptions& options,
                    PictureFacts& facts) {
  if (is_vector(row)) {
    facts.format = "svg";
    const auto image = rasterise_svg({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                     options.vector_px, row.id);
    facts.width = image.width, facts.height = image.height;
    facts.measures = measure_picture(image);
    return;
  }
  const auto reduced = decode_reduced(bytes, row.id, options.least_side_px);
  facts.width = reduced.width, facts.height = reduced.height;
  facts.jpeg_quality = reduced.jpeg_quality;
  facts.measures = measure_picture(reduced.image, reduced.denominator);
}

PictureFacts facts_of(OwnPicture& picture, const SurveyOptions& options) {
  PictureFacts facts;
  facts.opted_out = picture.opted_out;
  if (picture.has_caption) {
    facts.words = static_cast<int>(caption_words(picture.row.caption).size());
    facts.language = guess_language(picture.row.caption);
  }
  try {
    const PictureBytes opened(picture.row);
    facts.bytes = opened.bytes().size();
    facts.content = content_hash(opened.bytes());
    if (!is_vector(picture.row)) read_metadata_of(opened.bytes(), picture, facts);
    measure_pixels(opened.bytes(), picture.row, options, facts);
  } catch (const Error& error) {
    facts.error = error.what();
  }
  return facts;
}

/// Calls `work(i)` for each i below `count`, from several threads.
void for_each_on(int threads, std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto run = [&] {
    try {
      for (std::size_t i; (i = next++) < count;) work(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
      next = count;
    }
  };
  std::vector<std::thread> helpers;
  for (int i = 1; i < threads; ++i) helpers.emplace_back(run);
  run();
  for (auto& helper : helpers) helper.join();
  if (failure) std::rethrow_exception(failure);
}

void find_exact(Survey& survey) {
  std::unordered_map<std::string, std::uint32_t> first;
  for (std::uint32_t i = 0; i < survey.facts.size(); ++i) {
    auto& facts = survey.facts[i];
    facts.exact_of = i;
    if (!facts.error.empty()) continue;
    facts.exact_of = first.emplace(facts.content, i).first->second;
    if (facts.exact_of != i) survey.near.push_back({facts.exact_of, i});
  }
}

/// Pairs among the pictures that are the first of their bytes.
void find_near(Survey& survey, const SurveyOptions& options) {
  std::vector<const PictureMeasures*> measures;
  std::vector<std::uint32_t> places;
  for (std::uint32_t i = 0; i < survey.facts.size(); ++i) {
    const auto& facts = survey.facts[i];
    if (!facts.error.empty() || facts.exact_of != i) continue;
    measures.push_back(&facts.measures);
    places.push_back(i);
  }
  for (const auto& pair : near_pictures(measures, options.near_distance, options.near_colour))
    survey.near.push_back({places[pair.a], places[pair.b]});
}

}  // namespace

Survey take_survey(Collection data, const SurveyOptions& options, const ProgressSink& sink) {
  const auto start = std::chrono::steady_clock::now();
  Survey survey;
  survey.data = std::move(data);
  const auto count = survey.data.pictures.size();
  survey.facts.resize(count);
  survey.threads = options.threads > 0
                       ? options.threads
                       : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  {
    Progress progress("measuring pictures", static_cast<std::int64_t>(count), sink);
    std::mutex mutex;
    for_each_on(survey.threads, count, [&](std::size_t i) {
      survey.facts[i] = facts_of(survey.data.pictures[i], options);
      const std::lock_guard lock(mutex);
      progress.advance();
    });
  }
  find_exact(survey);
  find_near(survey, options);
  if (options.also) options.also(survey);
  std::sort(survey.near.begin(), survey.near.end(), [](const NearPair& x, const NearPair& y) {
    return std::pair(x.a, x.b) < std::pair(y.a, y.b);
  });
  const auto groups = joined_groups(count, survey.near);
  for (std::size_t i = 0; i < count; ++i) survey.facts[i].group = groups[i];
  survey.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return survey;
}

}  // namespace sumi
