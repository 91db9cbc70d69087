#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/judge.h"

namespace sumi {

struct CurateOptions {
  Thresholds thresholds;
  std::vector<std::string> licences;  ///< SPDX names that are allowed; empty: any
  std::vector<std::string> excluded;  ///< file names, paths or authors to leave out
  int validation_percent = 3;         ///< of families that no fixed split places
  int held_out_percent = 3;
};

/// What was decided about one picture.
struct Decision {
  bool kept = true;
  std::vector<Verdict> against;  ///< the first decides
  std::string split;             ///< "train", "validation", "held_out_pairs" or "held_out"
};

/// Decides about every picture: opted_out, excluded and licence come first, then judge()'s reasons,
/// then duplicate (the same bytes as a kept one), near_duplicate and repeated_caption, where the
/// better picture stays. A picture of a known source stands where the fixed split puts its name
/// (split.h); its near-duplicates follow it, and where they disagree the side decides that training
/// sees least of. The side of other families is drawn by the hash of their smallest content. Both
/// are the same on every machine, and near-duplicates, kept or not, never stand on two sides.
std::vector<Decision> decide(const Survey& survey, const CurateOptions& options);

/// Names to leave out, one a line; empty lines and lines that start with # are passed over.
std::vector<std::string> read_exclusions(const std::filesystem::path& file);

struct CuratedFiles {
  std::filesystem::path decisions, kept, description;
  std::vector<std::filesystem::path> shards;
};

/// Writes into `folder` (made when it is not there): decisions.csv with a line for every picture,
/// kept.jsonl with the rows of what is kept, which a world takes as a folder and collect() reads
/// back, with `shard_bytes` above 0 also shards of each split, and dataset.json last: the data
/// set's hash (of content, caption, licence and side of every kept picture), counts, licences,
/// authors, splits, reasons and thresholds. Nothing of the data itself is touched. Every file
/// appears only when whole. Throws Error when nothing is kept or the disk is full.
CuratedFiles write_curated(const Survey& survey, const std::vector<Decision>& decisions,
                           const CurateOptions& options, const std::filesystem::path& folder,
                           std::uint64_t shard_bytes);

}  // namespace sumi
