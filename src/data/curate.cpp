#include "data/curate.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "core/error.h"
#include "data/csv.h"
#include "data/shard.h"
#include "data/sources.h"
#include "data/split.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

bool is_excluded(const std::set<std::string>& names, const Row& row) {
  const auto shown = shown_name(row);
  return names.contains(shown) || names.contains(fs::path(shown).filename().string()) ||
         names.contains(fs::path(shown).stem().string()) || names.contains(row.author);
}

void judge_rights(const Survey& survey, const CurateOptions& options,
                  std::vector<Decision>& decisions) {
  const std::set<std::string> excluded(options.excluded.begin(), options.excluded.end());
  const std::set<std::string> allowed(options.licences.begin(), options.licences.end());
  std::string all;
  for (const auto& name : options.licences) all += (all.empty() ? "" : " ") + name;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    if (!survey.facts[i].error.empty()) continue;
    const auto& row = survey.data.pictures[i].row;
    auto& against = decisions[i].against;
    if (survey.facts[i].opted_out) against.push_back({"opted_out", "noai", "none"});
    if (is_excluded(excluded, row)) against.push_back({"excluded", shown_name(row), "not listed"});
    if (!allowed.empty() && !allowed.contains(row.licence))
      against.push_back({"licence", row.licence.empty() ? "not stated" : row.licence, all});
  }
}

/// Pictures from best to worst, so that the better of two alike stays.
std::vector<std::uint32_t> best_first(const Survey& survey) {
  const auto ranks = quality_ranks(survey);
  std::vector<std::uint32_t> order(ranks.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const auto value = [&](std::uint32_t i) {
      return std::pair(survey.data.pictures[i].has_caption, ranks[i]);
    };
    return value(a) > value(b);
  });
  return order;
}

void judge_likeness(const Survey& survey, const CurateOptions& options,
                    std::vector<Decision>& decisions) {
  std::vector<std::vector<std::uint32_t>> alike(decisions.size());
  for (const auto& pair : survey.near) {
    alike[pair.a].push_back(pair.b);
    alike[pair.b].push_back(pair.a);
  }
  std::map<std::string, std::uint32_t> contents;
  std::map<std::string, int> captions;
  std::vector<bool> kept(decisions.size(), false);
  for (const auto i : best_first(survey)) {
    auto& against = decisions[i].against;
    if (!against.empty()) continue;
    const auto& row = survey.data.pictures[i].row;
    if (const auto same = contents.find(survey.facts[i].content); same != contents.end())
      against.push_back({"duplicate", shown_name(survey.data.pictures[same->second].row), "0"});
    for (const auto other : options.thresholds.keep_near ? std::vector<std::uint32_t>() : alike[i])
      if (against.empty() && kept[other])
        against.push_back({"near_duplicate", shown_name(survey.data.pictures[other].row),
                           "no kept picture alike"});
    if (against.empty() && !row.caption.empty() &&
        captions[row.caption] >= options.thresholds.max_repeats)
      against.push_back(
          {"repeated_caption", row.caption, fmt::format("{}", options.thresholds.max_repeats)});
    if (!against.empty()) continue;
    kept[i] = true;
    contents.emplace(survey.facts[i].content, i);
    ++captions[row.caption];
  }
}

/// Where the fixed split puts a picture of a known source; nothing for people's own.
std::optional<Side> fixed_side(const Row& row) {
  if (row.name.empty() || known_source(row.source) == nullptr) return std::nullopt;
  return side_of(row.style, row.name);
}

Side drawn_side(const std::string& content, const CurateOptions& options) {
  const auto bucket = static_cast<int>(XXH64(content.data(), content.size(), 0) % 100);
  const int held_out = 100 - options.held_out_percent;
  return bucket >= held_out                                ? Side::held_out
         : bucket >= held_out - options.validation_percent ? Side::validation
                                                           : Side::training;
}

void draw_sides(const Survey& survey, const CurateOptions& options,
                std::vector<Decision>& decisions) {
  struct Family {
    std::string smallest;  // content
    std::optional<Side> fixed;
  };
  std::map<std::uint32_t, Family> families;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const auto& facts = survey.facts[i];
    const auto side = fixed_side(survey.data.pictures[i].row);
    const auto [place, fresh] = families.emplace(facts.group, Family{facts.content, side});
    auto& family = place->second;
    family.smallest = std::min(family.smallest, facts.content);
    family.fixed = std::max(family.fixed, side);  // nothing is less than any
  }
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const auto& family = families[survey.facts[i].group];
    decisions[i].split = to_string(family.fixed.value_or(drawn_side(family.smallest, options)));
  }
}

void write_decisions(const fs::path& file, const Survey& survey,
                     const std::vector<Decision>& decisions) {
  AtomicFile out(file);
  out.write("file,kept,reason,value,threshold,split,also\n");
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const auto& decision = decisions[i];
    const auto first = decision.kept ? Verdict{} : decision.against.front();
    std::string also;
    for (std::size_t k = 1; k < decision.against.size(); ++k)
      also += (k > 1 ? " " : "") + decision.against[k].reason;
    out.write(fmt::format("{},{},{},{},{},{},{}\n",
                          csv_field(shown_name(survey.data.pictures[i].row)),
                          decision.kept ? "yes" : "no", first.reason, csv_field(first.value),
                          csv_field(first.threshold), decision.kept ? decision.split : "", also));
  }
  out.commit();
}

std::vector<Row> kept_rows(const Survey& survey, const std::vector<Decision>& decisions) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    if (!decisions[i].kept) continue;
    rows.push_back(survey.data.pictures[i].row);
    rows.back().split = decisions[i].split;
  }
  return rows;
}

/// What a reader of the shard needs to know besides the caption.
std::string record_of(const Row& row) {
  Json record = {{"caption", row.caption}, {"tags", row.tags},   {"licence", row.licence},
                 {"author", row.author},   {"style", row.style}, {"group", row.group}};
  return record.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<fs::path> write_shards(const Survey& survey, const std::vector<Decision>& decisions,
                                   const fs::path& folder, std::uint64_t shard_bytes) {
  std::vector<fs::path> shards;
  for (const auto side : {Side::training, Side::validation, Side::held_out_pair, Side::held_out}) {
    const std::string split = to_string(side);
    ShardWriter writer(folder, split, shard_bytes);
    std::size_t number = 0;
    for (std::size_t i = 0; i < decisions.size(); ++i) {
      if (!decisions[i].kept || decisions[i].split != split) continue;
      const auto& row = survey.data.pictures[i].row;
      const PictureBytes picture(row);
      const auto record = record_of(row);
      const auto& format = survey.facts[i].format;
      const std::string_view pixels(reinterpret_cast<const char*>(picture.bytes().data()),
                                    picture.bytes().size());
      const ShardWriter::Part parts[] = {
          {format == "jpeg" ? "jpg" : format, pixels}, {"txt", row.caption}, {"json", record}};
      writer.add(fmt::format("{:08}", number++), parts);
    }
    for (auto& shard : writer.finish()) shards.push_back(std::move(shard));
  }
  return shards;
}

std::string dataset_hash(const Survey& survey, const std::vector<Decision>& decisions) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < decisions.size(); ++i)
    if (decisions[i].kept)
      lines.push_back(fmt::format("{}\t{}\t{}\t{}\n", survey.facts[i].content,
                                  survey.data.pictures[i].row.caption,
                                  survey.data.pictures[i].row.licence, decisions[i].split));
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const auto& line : lines) text += line;
  const auto hash = XXH3_128bits(text.data(), text.size());
  return fmt::format("xxh3-128:{:016x}{:016x}", hash.high64, hash.low64);
}

Json description_of(const Survey& survey, const std::vector<Decision>& decisions,
                    const CurateOptions& options, const std::vector<fs::path>& shards) {
  std::map<std::string, std::size_t> licences, authors, splits, reasons;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const auto& row = survey.data.pictures[i].row;
    if (!decisions[i].kept) {
      ++reasons[decisions[i].against.front().reason];
      continue;
    }
    ++kept;
    ++licences[row.licence.empty() ? "not stated" : row.licence];
    if (!row.author.empty()) ++authors[row.author];
    ++splits[decisions[i].split];
  }
  Json names = Json::array();
  for (const auto& shard : shards) names.push_back(shard.filename().string());
  return {{"hash", dataset_hash(survey, decisions)},
          {"pictures", kept},
          {"of", decisions.size()},
          {"splits", splits},
          {"licences", licences},
          {"authors", authors},
          {"left_out", reasons},
          {"captions_without_picture", survey.data.orphans.size()},
          {"unreadable_records", survey.data.complaints.size()},
          {"licences_allowed", options.licences},
          {"thresholds", to_json(options.thresholds)},
          {"shards", names}};
}

}  // namespace

std::vector<Decision> decide(const Survey& survey, const CurateOptions& options) {
  std::vector<Decision> decisions(survey.facts.size());
  judge_rights(survey, options, decisions);
  for (std::size_t i = 0; i < decisions.size(); ++i)
    for (auto& verdict : judge(survey.data.pictures[i], survey.facts[i], options.thresholds))
      decisions[i].against.push_back(std::move(verdict));
  judge_likeness(survey, options, decisions);
  draw_sides(survey, options, decisions);
  for (auto& decision : decisions) decision.kept = decision.against.empty();
  return decisions;
}

std::vector<std::string> read_exclusions(const fs::path& file) {
  const auto text = read_text_file(file);
  std::vector<std::string> names;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = std::min(text.find('\n', start), text.size());
    const auto line = caption_of_text(std::string_view(text).substr(start, end - start));
    if (!line.empty() && line.front() != '#') names.push_back(line);
    start = end + 1;
  }
  return names;
}

CuratedFiles write_curated(const Survey& survey, const std::vector<Decision>& decisions,
                           const CurateOptions& options, const fs::path& folder,
                           std::uint64_t shard_bytes) {
  std::error_code fault;
  fs::create_directories(folder, fault);
  if (fault)
    throw Error(fmt::format("the folder {} cannot be made: {}", folder.string(), fault.message()),
                "choose another --output");
  CuratedFiles files{folder / "decisions.csv", folder / "kept.jsonl", folder / "dataset.json", {}};
  // The table comes first: it says why when nothing is left.
  write_decisions(files.decisions, survey, decisions);
  const auto rows = kept_rows(survey, decisions);
  if (rows.empty())
    throw Error(fmt::format("not one of {} pictures is kept", decisions.size()),
                fmt::format("{} says why; change the thresholds", files.decisions.string()));
  save_rows(files.kept, rows);
  if (shard_bytes > 0) files.shards = write_shards(survey, decisions, folder, shard_bytes);
  write_file(
      files.description,
      std::string_view(description_of(survey, decisions, options, files.shards).dump(2) + "\n"));
  return files;
}

}  // namespace sumi
