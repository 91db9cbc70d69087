#include "data/source_names.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "data/manifest.h"
#include "data/portraits.h"
#include "data/tiles.h"

namespace sumi {

std::vector<SourceName> source_names(std::span<const Source* const> among,
                                     const std::filesystem::path& cache, const ProgressSink& sink) {
  std::map<std::string, std::vector<std::string>> having;
  for (const auto* source : among)
    for (const auto& row : manifest(*source, cache, sink)) {
      if (is_portrait(row) || is_tile(row)) continue;
      auto& ids = having[row.name];
      if (ids.empty() || ids.back() != source->id) ids.emplace_back(source->id);
    }
  std::vector<SourceName> names;
  for (auto& [name, ids] : having) names.push_back({name, std::move(ids)});
  std::stable_sort(names.begin(), names.end(), [](const SourceName& a, const SourceName& b) {
    return a.sources.size() > b.sources.size();
  });
  return names;
}

std::vector<const Source*> fetched_sources(const std::filesystem::path& cache) {
  std::vector<const Source*> fetched;
  for (const auto& source : sources())
    if (source.form != PictureForm::names && is_fetched(source, cache)) fetched.push_back(&source);
  if (fetched.empty())
    throw Error("no source of pictures is fetched",
                "fetch one, e.g. sumi data fetch noto; sumi data list names them");
  return fetched;
}

}  // namespace sumi
