#include <fmt/format.h>

#include "cli/output_path.h"
#include "cli/own_data.h"
#include "cli/plain_commands.h"
#include "core/files.h"
#include "core/paths.h"
#include "data/curate.h"
#include "data/report_page.h"
#include "data/write_captions.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr int kMostThreads = 1024;
constexpr int kMostDistance = 12;

std::vector<fs::path> as_paths(const std::vector<std::string>& names) {
  return {names.begin(), names.end()};
}

template <class DataCommand>
SurveyOptions survey_options(const DataCommand& command) {
  const auto [threads, near_distance] = std::pair(command.threads, command.near_distance);
  if (!(command.near_cosine > 0 && command.near_cosine <= 1))
    throw Error(fmt::format("--near-cosine is {}", command.near_cosine),
                "give a number above 0, up to 1");
  if (threads < 0 || threads > kMostThreads)
    throw Error(fmt::format("--threads is {}", threads),
                fmt::format("give a number from 0 to {}; 0 uses every core", kMostThreads));
  if (near_distance < 0 || near_distance > kMostDistance)
    throw Error(fmt::format("--near-distance is {}", near_distance),
                fmt::format("give a number from 0 to {}", kMostDistance));
  SurveyOptions options;
  options.threads = threads;
  options.near_distance = near_distance;
  return options;
}

BucketView bucket_view(const DataInspectCommand& command) {
  constexpr int kLargest = 8192, kLeastStep = 8;
  if (command.bucket_size < kLeastStep || command.bucket_size > kLargest)
    throw Error(fmt::format("--bucket-size is {}", command.bucket_size),
                fmt::format("give a number from {} to {}", kLeastStep, kLargest));
  if (command.bucket_step < kLeastStep || command.bucket_step > command.bucket_size)
    throw Error(
        fmt::format("--bucket-step is {}", command.bucket_step),
        fmt::format("give a number from {} to --bucket-size, {}, e.g. {}", kLeastStep,
                    command.bucket_size, std::max(kLeastStep, command.bucket_size / kLeastStep)));
  BucketView view;
  view.size_px = command.bucket_size;
  view.buckets.step_px = command.bucket_step;
  bucket_sizes(view.size_px, view.buckets);  // there is one, before the pictures are read
  return view;
}

/// "256M" -> 256,000,000; 0 for nothing.
std::uint64_t parse_bytes(const std::string& text) {
  if (text.empty()) return 0;
  std::size_t used = 0;
  double number = 0;
  try {
    number = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  const auto unit = text.substr(used);
  const double factor = unit == "k" || unit == "K" ? 1e3
                        : unit == "M"              ? 1e6
                        : unit == "G"              ? 1e9
                        : unit.empty()             ? 1
                                                   : 0;
  const double bytes = number * factor;
  if (used == 0 || !(bytes >= 65536) || !(bytes <= 1e12))
    throw Error(fmt::format("--shards: \"{}\" is no size from 64 KB to 1 TB", text),
                "write it like --shards 256M");
  return static_cast<std::uint64_t>(bytes);
}

std::vector<std::string> parted(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = std::min(text.find(',', start), text.size());
    if (auto part = caption_of_text(std::string_view(text).substr(start, end - start));
        !part.empty())
      parts.push_back(std::move(part));
    start = end + 1;
  }
  return parts;
}

std::string title_of(const std::vector<std::string>& paths) {
  const auto shown = [](const std::string& name) {
    const auto path = fs::absolute(name).lexically_normal();
    return (path.has_filename() ? path : path.parent_path()).filename().string();
  };
  return shown(paths.front()) +
         (paths.size() > 1 ? fmt::format(" and {} more", paths.size() - 1) : "");
}

void print_findings(const Json& summary) {
  const auto line = [](const char* what, const Json& count) {
    if (count.get<std::uint64_t>() > 0)
      fmt::print("  {:<28}{}\n", what, count.get<std::uint64_t>());
  };
  line("cannot be read", summary["broken"]["count"]);
  line("without a caption", summary["without_caption"]["count"]);
  line("captions without a picture", summary["captions_without_picture"]["count"]);
  line("records not readable", summary["unreadable_records"]["count"]);
  line("exact copies", summary["exact_duplicates"]);
  line("near-duplicates", summary["near_duplicates"]);
  line("pairs alike to the scorer", summary["pairs_near_by_scorer"]);
  line("ask to be left out", summary["opted_out"]);
  for (const auto& [reason, count] : summary["beyond_thresholds"].items())
    if (reason != "broken" && reason != "no_caption") line(reason.c_str(), count);
}

CurateOptions options_of(const DataCurateCommand& command) {
  CurateOptions options;
  options.thresholds = command.thresholds;
  options.licences = parted(command.licences);
  if (!command.exclude.empty()) options.excluded = read_exclusions(command.exclude);
  if (command.validation < 0 || command.held_out < 0 || command.validation + command.held_out > 90)
    throw Error(
        fmt::format("--validation is {} and --held-out {}", command.validation, command.held_out),
        "give shares in per cent that leave 10 or more for training");
  options.validation_percent = command.validation;
  options.held_out_percent = command.held_out;
  return options;
}

/// Paths and names of fetched sources; on stderr what is not as one may think.
Collection gathered(const std::vector<std::string>& names, const ProgressSink& sink) {
  auto data = collect(as_paths(names), cache_directory(), sink);
  for (const auto& note : data.notes) fmt::print(stderr, "{}\n", note);
  return data;
}

/// Tried before the work, so that none is lost.
void check_folder(const std::string& folder) {
  if (folder.empty()) throw Error("--output is missing", "name a folder, e.g. -o out/mine");
  std::error_code fault;
  fs::create_directories(folder, fault);
  if (fault || !fs::is_directory(folder))
    throw Error(fmt::format("the folder {} cannot be made", folder), "choose another --output");
  check_writable(fs::path(folder) / "dataset.json");
}

}  // namespace

int run(const DataInspectCommand& command) { return run(command, {}); }
int run(const DataCurateCommand& command) { return run(command, {}); }

int run(const DataInspectCommand& command, const std::function<void(Survey&)>& also) {
  auto options = survey_options(command);
  options.also = also;
  const auto view = bucket_view(command);
  const std::string page = command.output.empty() && !command.json ? "report.html" : command.output;
  if (!page.empty()) check_writable(page);
  const auto progress = command.json ? ProgressSink() : terminal_progress("picture");
  const auto survey = take_survey(gathered(command.paths, progress), options, progress);
  const Thresholds thresholds;
  auto summary = summarise(survey, thresholds, view);
  if (!page.empty())
    write_file(page,
               std::string_view(report_page(survey, summary, thresholds, title_of(command.paths))));
  if (command.json) {
    if (!page.empty()) summary["file"] = page;
    print_json(summary);
    return 0;
  }
  fmt::print("{}: {} pictures, {:.0f} a minute and core\n", page, survey.facts.size(),
             summary["pictures_per_minute_and_core"].get<double>());
  print_findings(summary);
  return 0;
}

int run(const DataCurateCommand& command, const std::function<void(Survey&)>& also) {
  const auto curate = options_of(command);
  const auto shard_bytes = parse_bytes(command.shards);
  auto options = survey_options(command);
  options.also = also;
  check_folder(command.output);
  const auto progress = command.json ? ProgressSink() : terminal_progress("picture");
  const auto survey = take_survey(gathered(command.paths, progress), options, progress);
  const auto decisions = decide(survey, curate);
  const auto files = write_curated(survey, decisions, curate, command.output, shard_bytes);
  const auto description = read_json(files.description);
  if (command.json) {
    print_json(description);
    return 0;
  }
  fmt::print("{}: {} of {} pictures kept\n", command.output,
             description["pictures"].get<std::size_t>(), decisions.size());
  for (const auto& [reason, count] : description["left_out"].items())
    fmt::print("  {:<28}{}\n", reason, count.get<std::size_t>());
  for (const auto& complaint : survey.data.complaints) fmt::print(stderr, "{}\n", complaint);
  return 0;
}

int run(const DataCaptionCommand& command) {
  check_writable(command.output);
  const auto words =
      command.translate.empty() ? Translations() : read_translations(command.translate);
  auto data = gathered(command.paths, command.json ? ProgressSink() : terminal_progress("picture"));
  translate(data, words);
  const auto changes = write_captions(data, command.templates, command.replace);
  for (const auto& change : changes) data.pictures[change.picture].row.caption = change.after;
  std::vector<Row> rows;
  std::size_t bare = 0;
  for (const auto& picture : data.pictures) {
    bare += picture.row.caption.empty();
    if (!picture.opted_out) rows.push_back(picture.row);
  }
  save_rows(command.output, rows);
  if (command.json) {
    print_json({{"file", command.output},
                {"pictures", rows.size()},
                {"changed", changes.size()},
                {"without_caption", bare},
                {"opted_out", data.pictures.size() - rows.size()}});
    return 0;
  }
  fmt::print("{}: {} pictures, {} captions changed, {} without\n", command.output, rows.size(),
             changes.size(), bare);
  constexpr std::size_t kShown = 10;
  for (std::size_t i = 0; i < std::min(kShown, changes.size()); ++i)
    fmt::print("  {} -> {}\n", changes[i].before.empty() ? "(none)" : changes[i].before,
               changes[i].after);
  return 0;
}

}  // namespace sumi
