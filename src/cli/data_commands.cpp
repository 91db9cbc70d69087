#include <fmt/format.h>

#include "cli/output_path.h"
#include "cli/plain_commands.h"
#include "core/paths.h"
#include "core/progress.h"
#include "data/dataset.h"
#include "data/disk_cache.h"
#include "data/source_names.h"
#include "data/sources.h"
#include "media/contact_sheet.h"

namespace sumi {
namespace {

constexpr int kMostSamples = 1024;

Json describe(const Source& source, const std::filesystem::path& cache) {
  return {{"name", source.id},
          {"package", source.package},
          {"version", source.version},
          {"style", source.style},
          {"licence", source.licence},
          {"author", source.author},
          {"url", source.url},
          {"fetched", is_fetched(source, cache)},
          {"folder", source_folder(source, cache).string()}};
}

/// The sources of these names; all where none is given.
std::vector<const Source*> chosen(const std::vector<std::string>& names) {
  std::vector<const Source*> list;
  for (const auto& name : names) list.push_back(&find_source(name));
  if (names.empty())
    for (const auto& source : sources()) list.push_back(&source);
  return list;
}

int list_names(const DataListCommand& command, const std::filesystem::path& cache) {
  const auto among = command.sources.empty() ? fetched_sources(cache) : chosen(command.sources);
  const auto names =
      source_names(among, cache, command.json ? ProgressSink() : terminal_progress("file"));
  if (command.json) {
    Json list = Json::array();
    for (const auto& name : names) list.push_back({{"name", name.name}, {"sources", name.sources}});
    print_json({{"names", list}});
    return 0;
  }
  fmt::print("{:<9}{}\n", "SOURCES", "NAME");
  for (const auto& name : names) fmt::print("{:<9}{}\n", name.sources.size(), name.name);
  return 0;
}

}  // namespace

int run(const DataListCommand& command) {
  const auto cache = cache_directory();
  if (command.names) return list_names(command, cache);
  const auto among = chosen(command.sources);
  Json list = Json::array();
  for (const auto* source : among) list.push_back(describe(*source, cache));
  if (command.json) {
    print_json({{"sources", list}});
    return 0;
  }
  fmt::print("{:<20}{:<9}{:<16}{:<26}{}\n", "NAME", "FETCHED", "LICENCE", "STYLE", "PACKAGE");
  for (const auto* source : among)
    fmt::print("{:<20}{:<9}{:<16}{:<26}{} {}\n", source->id,
               is_fetched(*source, cache) ? "yes" : "no", source->licence, source->style,
               source->package, source->version);
  return 0;
}

int run(const DataFetchCommand& command) {
  for (const auto& name : command.names) find_source(name);  // all names before the first download
  const auto cache = cache_directory();
  const auto progress = command.json ? ProgressSink() : terminal_progress("file");
  Json folders = Json::object();
  for (const auto& name : command.names) {
    const auto folder = fetch(find_source(name), cache, progress);
    folders[name] = folder.string();
    if (!command.json) fmt::print("{} is in {}\n", name, folder.string());
  }
  if (command.json) print_json({{"folders", folders}});
  return 0;
}

int run(const DataCacheCommand& command) {
  const auto cache = cache_directory();
  const auto uses = cache_uses(cache);
  const auto freed = command.clear ? clear_caches(cache) : 0;
  if (command.json) {
    Json list = Json::array();
    for (const auto& use : uses)
      list.push_back({{"name", use.name}, {"files", use.files}, {"bytes", use.bytes}});
    print_json({{"folder", kept_folder(cache).string()}, {"caches", list}, {"freed_bytes", freed}});
    return 0;
  }
  for (const auto& use : uses)
    fmt::print("{:<48}{:>9} files{:>12}\n", use.name, use.files, format_bytes(use.bytes));
  if (command.clear)
    fmt::print("{} freed\n", format_bytes(freed));
  else if (uses.empty())
    fmt::print("nothing is kept in {}\n", kept_folder(cache).string());
  return 0;
}

int run(const DataSheetCommand& command) {
  if (command.count < 1 || command.count > kMostSamples)
    throw Error(fmt::format("--count is {}", command.count),
                fmt::format("give a number from 1 to {}", kMostSamples));
  if (command.seed < 0) throw Error("--seed is negative", "give a number from 0 on");
  check_output(command.output);
  const Dataset dataset(read_dataset_config(command.world), cache_directory(),
                        command.json ? ProgressSink() : terminal_progress("picture"));
  std::vector<Image> pictures;
  std::vector<std::string> captions;
  for (int i = 0; i < command.count; ++i) {
    auto sample = dataset.at(static_cast<std::uint64_t>(command.seed) + static_cast<unsigned>(i));
    pictures.push_back(std::move(sample.picture));
    captions.push_back(std::move(sample.caption));
  }
  save_image(command.output, contact_sheet(pictures, captions));
  if (command.json)
    print_json({{"file", command.output},
                {"captions", captions},
                {"rows", dataset.rows().size()},
                {"concepts", dataset.concepts().size()},
                {"damaged", dataset.damaged()}});
  else
    fmt::print("{}: {} samples of {} things in {} pictures\n", command.output, command.count,
               dataset.concepts().size(), dataset.rows().size());
  return 0;
}

}  // namespace sumi
