#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "core/json.h"
#include "core/tensor.h"

namespace sumi {

/// Everything a run needs to go on as if it had never stopped.
struct Snapshot {
  std::int64_t samples = 0;  ///< seen so far, without damaged ones
  Json state;                ///< small numbers: steps, counters, running means
  StateDict tensors;         ///< weights, moments, average; fp32
  std::string log;           ///< the log file's text up to here
};

/// The snapshots of one run: `FOLDER/<samples>/` each with state.json, tensors.safetensors,
/// log.jsonl and, written last, manifest.json with every file's size and XXH64. A snapshot is
/// prepared under another name, flushed, then renamed into place, so that one either is whole or is
/// not there. The last two are kept.
class SnapshotFolder {
 public:
  /// Creates the folder and removes what an interrupted save left behind.
  explicit SnapshotFolder(std::filesystem::path folder);

  /// Throws Error when writing fails; the snapshots already there stay as they were.
  void save(const Snapshot& snapshot);

  /// The newest snapshot whose every byte agrees with its manifest; damaged ones are passed over
  /// with a warning. Nothing when there is none at all. Throws Error when all are damaged.
  std::optional<Snapshot> load_latest() const;

 private:
  std::filesystem::path folder_;
};

/// XXH64 (seed 0) of a file, as 16 hexadecimal digits.
std::string file_checksum(const std::filesystem::path& file);

}  // namespace sumi
