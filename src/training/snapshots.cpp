#include "training/snapshots.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/mapped_pages.h"
#include "weights/state_dict.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kKept = 2;
constexpr std::size_t kHashedAtOnce = std::size_t{8} << 20;
constexpr const char* kPreparing = "preparing-";
constexpr std::array kFiles = {"state.json", "tensors.safetensors", "log.jsonl"};

std::string folder_name(std::int64_t samples) { return fmt::format("{:012}", samples); }

bool is_snapshot_name(const std::string& name) {
  return name.size() == 12 &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Folders of snapshots, newest first.
std::vector<fs::path> snapshots_in(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory() && is_snapshot_name(entry.path().filename())) found.push_back(entry);
  std::sort(found.rbegin(), found.rend());
  return found;
}

/// What a snapshot that did not fit would need, for the Error's hint.
std::string advice(const std::string& hint, const Snapshot& snapshot, const fs::path& folder) {
  double bytes = static_cast<double>(snapshot.log.size());
  for (const auto& [name, tensor] : snapshot.tensors) bytes += static_cast<double>(tensor.nbytes());
  std::error_code unknown;
  const auto space = fs::space(folder, unknown);
  return fmt::format(
      "{}; a snapshot takes {:.1f} MB{}, and the one before is whole: run again to "
      "go on from it",
      hint, bytes / 1e6,
      unknown ? ""
              : fmt::format(" and {:.1f} MB are free there",
                            static_cast<double>(space.available) / 1e6));
}

Json manifest_of(const fs::path& folder) {
  Json files = Json::object();
  for (const char* name : kFiles)
    files[name] = {{"bytes", fs::file_size(folder / name)},
                   {"xxh64", file_checksum(folder / name)}};
  return {{"format", "sumi training snapshot 1"}, {"files", files}};
}

/// Reads a snapshot; throws Error when anything in it differs from its manifest.
Snapshot read_snapshot(const fs::path& folder) {
  const Json manifest = read_json(folder / "manifest.json");
  if (manifest != manifest_of(folder))
    throw Error(fmt::format("{}: a file differs from manifest.json", folder.string()),
                "the disk may be damaged; an older snapshot is used when there is one");
  Snapshot snapshot;
  const Json state = read_json(folder / "state.json");
  snapshot.samples = state.at("samples").get<std::int64_t>();
  snapshot.state = state.at("state");
  snapshot.tensors = load_state_dict(folder / "tensors.safetensors");
  snapshot.log = read_text_file(folder / "log.jsonl", std::size_t{1} << 30);
  return snapshot;
}

}  // namespace

std::string file_checksum(const fs::path& file) {
  if (fs::exists(file) && fs::file_size(file) == 0) return fmt::format("{:016x}", XXH64("", 0, 0));
  const MappedFile mapped(file);
  const std::unique_ptr<XXH64_state_t, decltype(&XXH64_freeState)> hash(XXH64_createState(),
                                                                        &XXH64_freeState);
  XXH64_reset(hash.get(), 0);
  for (auto rest = mapped.bytes(); !rest.empty();) {
    const auto piece = rest.first(std::min(rest.size(), kHashedAtOnce));
    XXH64_update(hash.get(), piece.data(), piece.size());
    release_mapped_pages(piece.data(), piece.size());
    rest = rest.subspan(piece.size());
  }
  return fmt::format("{:016x}", XXH64_digest(hash.get()));
}

SnapshotFolder::SnapshotFolder(fs::path folder) : folder_(std::move(folder)) {
  std::error_code failed;
  fs::create_directories(folder_, failed);
  if (failed)
    throw Error(
        fmt::format("{}: creating the folder failed: {}", folder_.string(), failed.message()),
        "check the path and its permissions, or write elsewhere");
  for (const auto& entry : fs::directory_iterator(folder_))
    if (entry.path().filename().string().starts_with(kPreparing))
      fs::remove_all(entry.path(), failed);
}

void SnapshotFolder::save(const Snapshot& snapshot) {
  const fs::path target = folder_ / folder_name(snapshot.samples);
  const fs::path preparing = folder_ / (kPreparing + folder_name(snapshot.samples));
  std::error_code failed;
  fs::remove_all(preparing, failed);
  fs::create_directory(preparing, failed);
  if (failed)
    throw Error(
        fmt::format("{}: creating the folder failed: {}", preparing.string(), failed.message()),
        "check the disk's space and the folder's permissions");
  try {
    const Json state = {{"samples", snapshot.samples}, {"state", snapshot.state}};
    write_file(preparing / "state.json", state.dump(2) + "\n");
    save_state_dict(preparing / "tensors.safetensors", snapshot.tensors);
    write_file(preparing / "log.jsonl", snapshot.log);
    write_file(preparing / "manifest.json", manifest_of(preparing).dump(2) + "\n");
    sync_directory(preparing);
    fs::remove_all(target);
    fs::rename(preparing, target);
    sync_directory(folder_);
  } catch (const fs::filesystem_error& error) {
    fs::remove_all(preparing, failed);
    throw Error(fmt::format("{}: {}", target.string(), error.code().message()),
                advice("check the disk's space and the folder's permissions", snapshot, folder_));
  } catch (const Error& error) {
    fs::remove_all(preparing, failed);
    throw Error(error.what(), advice(error.hint(), snapshot, folder_));
  } catch (...) {
    fs::remove_all(preparing, failed);
    throw;
  }
  const auto all = snapshots_in(folder_);
  for (std::size_t i = kKept; i < all.size(); ++i) fs::remove_all(all[i], failed);
}

std::optional<Snapshot> SnapshotFolder::load_latest() const {
  const auto all = snapshots_in(folder_);
  for (const auto& folder : all) {
    try {
      return read_snapshot(folder);
    } catch (const std::exception& error) {
      spdlog::warn("snapshot passed over: {}", error.what());
    }
  }
  if (!all.empty())
    throw Error(fmt::format("{}: every snapshot is damaged", folder_.string()),
                "remove that folder to start the training anew");
  return std::nullopt;
}

}  // namespace sumi
