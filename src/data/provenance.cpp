#include "data/provenance.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "data/collection.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kAuthors = 100;

using Counts = std::map<std::string, std::size_t>;

Json most_first(const Counts& counts, std::size_t most) {
  std::vector<std::pair<std::string, std::size_t>> ranking(counts.begin(), counts.end());
  std::stable_sort(ranking.begin(), ranking.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  Json object = Json::object();
  for (std::size_t i = 0; i < std::min(most, ranking.size()); ++i)
    object[ranking[i].first] = ranking[i].second;
  return object;
}

/// Where a picture lies on this machine says nothing of what it shows.
std::string name_without_folder(const Row& row) {
  const bool own = row.source.starts_with("folder:");
  return own ? fs::path(shown_name(row)).filename().string() : row.id;
}

std::string hash_of(const std::vector<Row>& rows) {
  std::vector<std::string> lines;
  for (const auto& row : rows) {
    // A file's size and time stand in `version` of people's own pictures; only the size is kept.
    const auto version = row.version.substr(
        0, row.source.starts_with("folder:") ? row.version.find('-') : std::string::npos);
    lines.push_back(fmt::format("{}\t{}\t{}\t{}\t{}\t{}\n", name_without_folder(row), version,
                                row.name, row.caption, row.licence, row.split));
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const auto& line : lines) text += line;
  const auto hash = XXH3_128bits(text.data(), text.size());
  return fmt::format("xxh3-128:{:016x}{:016x}", hash.high64, hash.low64);
}

/// What sumi data curate wrote beside a list, or into a folder.
Json curated_of(const DatasetConfig& config) {
  Json curated = Json::array();
  for (const auto& folder : config.folders) {
    const fs::path path = folder.path;
    const auto file = (fs::is_directory(path) ? path : path.parent_path()) / "dataset.json";
    if (!fs::is_regular_file(file)) continue;
    const auto whole = read_json(file);
    Json kept = Json::object();
    for (const char* key : {"hash", "pictures", "licences", "left_out", "licences_allowed"})
      if (whole.is_object() && whole.contains(key)) kept[key] = whole[key];
    if (!kept.empty()) curated.push_back(std::move(kept));
  }
  return curated;
}

}  // namespace

Json provenance_of(const Dataset& dataset) {
  Counts licences, sources, authors;
  for (const auto& row : dataset.rows()) {
    ++licences[row.licence.empty() ? "not stated" : row.licence];
    ++sources[row.source.starts_with("folder:") ? "own pictures" : row.source];
    if (!row.author.empty()) ++authors[row.author];
  }
  Json result = {{"hash", hash_of(dataset.rows())},
                 {"split", dataset.config().split},
                 {"pictures", dataset.rows().size()},
                 {"licences", most_first(licences, licences.size())},
                 {"sources", most_first(sources, sources.size())},
                 {"authors", most_first(authors, kAuthors)},
                 {"different_authors", authors.size()}};
  if (auto curated = curated_of(dataset.config()); !curated.empty()) result["curated"] = curated;
  return result;
}

}  // namespace sumi
