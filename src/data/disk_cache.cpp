#include "data/disk_cache.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr const char* kEnding = ".kept";
constexpr const char* kMaker = "maker.json";

/// Before the bytes of each file.
struct Header {
  char sign[8] = {'S', 'U', 'M', 'I', 'K', 'E', 'P', 'T'};
  std::uint64_t version = 1;
  std::uint64_t key[2] = {};
  std::uint64_t size = 0;
  std::uint64_t checksum = 0;  ///< XXH3 of the bytes, seeded with the key
  bool operator==(const Header&) const = default;
};
static_assert(sizeof(Header) == 48);

Header header_of(const std::string& key, std::span<const std::byte> bytes) {
  const auto hash = XXH3_128bits(key.data(), key.size());
  Header header;
  header.key[0] = hash.high64, header.key[1] = hash.low64;
  header.size = bytes.size();
  header.checksum = XXH3_64bits_withSeed(bytes.data(), bytes.size(), hash.low64);
  return header;
}

bool is_kept(const fs::directory_entry& entry) {
  std::error_code fault;
  return entry.is_regular_file(fault) && entry.path().extension() == kEnding;
}

/// Counts the kept files of a folder; files of others that clean up meanwhile are passed over.
CacheUse count(const fs::path& folder) {
  CacheUse use{folder.filename().string(), "", 0, 0};
  std::error_code fault;
  for (auto entry = fs::recursive_directory_iterator(folder, fault);
       !fault && entry != fs::recursive_directory_iterator(); entry.increment(fault)) {
    if (!is_kept(*entry)) continue;
    std::error_code gone;
    const auto size = entry->file_size(gone);
    if (gone) continue;
    ++use.files;
    use.bytes += size;
  }
  return use;
}

/// Writes a file under another name and renames it; what the disk loses in a power cut is found out
/// by its checksum, so that nothing waits for the disk. False with errno set when it failed.
bool put(const fs::path& target, const Header& header, std::span<const std::byte> bytes) {
  std::string name = target.string() + ".XXXXXX";
  const int descriptor = ::mkstemp(name.data());
  if (descriptor < 0) return false;
  const auto write_all = [&](const void* data, std::size_t size) {
    const auto* at = static_cast<const char*>(data);
    while (size > 0) {
      const auto put = ::write(descriptor, at, size);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return false;
      at += put, size -= static_cast<std::size_t>(put);
    }
    return true;
  };
  bool done = write_all(&header, sizeof header) && write_all(bytes.data(), bytes.size());
  const int fault = errno;
  done = ::close(descriptor) == 0 && done;
  if (done && ::rename(name.c_str(), target.c_str()) == 0) return true;
  ::unlink(name.c_str());
  errno = fault;
  return false;
}

}  // namespace

DiskCache::DiskCache(fs::path folder, const std::string& maker, std::uint64_t limit_bytes)
    : folder_(std::move(folder)), limit_bytes_(limit_bytes), state_(std::make_shared<State>()) {
  std::error_code fault;
  fs::create_directories(folder_, fault);
  if (fault)
    throw Error(
        fmt::format("{}: the cache's folder cannot be made: {}", folder_.string(), fault.message()),
        "set SUMI_CACHE to a folder that can be written, or cache_mb to 0");
  if (!fs::exists(folder_ / kMaker)) write_file(folder_ / kMaker, maker + "\n");
  state_->bytes = count(folder_).bytes;
}

fs::path DiskCache::file_of(const std::string& key) const {
  const auto hash = XXH3_128bits(key.data(), key.size());
  const auto name = fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  return folder_ / name.substr(0, 2) / (name.substr(2) + kEnding);
}

std::vector<std::byte> DiskCache::find(const std::string& key) const {
  const auto file = file_of(key);
  std::error_code fault;
  const auto size = fs::file_size(file, fault);
  if (fault || size <= sizeof(Header)) return {};
  std::FILE* stream = std::fopen(file.c_str(), "rb");
  if (stream == nullptr) return {};
  std::vector<std::byte> bytes(size);
  bytes.resize(std::fread(bytes.data(), 1, size, stream));
  std::fclose(stream);
  const auto content = kept_content(bytes, key);
  return {content.begin(), content.end()};
}

void DiskCache::tell(const std::string& why) const {
  if (!state_->told.exchange(true))
    spdlog::warn("{}: {}; training goes on without keeping more", folder_.string(), why);
}

void DiskCache::keep(const std::string& key, std::span<const std::byte> bytes) const {
  const auto size = sizeof(Header) + bytes.size();
  if (state_->bytes + size > limit_bytes_)
    return tell(fmt::format("the cache is full with {} MB", limit_bytes_ / 1'000'000));
  const auto file = file_of(key);
  std::error_code fault, none;
  fs::create_directories(file.parent_path(), fault);
  const auto before = fs::file_size(file, none);
  if (fault || !put(file, header_of(key, bytes), bytes))
    return tell(fault ? fault.message() : std::strerror(errno));
  state_->bytes += size - (none ? 0 : before);
}

std::span<const std::byte> kept_content(std::span<const std::byte> file, const std::string& key) {
  Header header;
  if (file.size() <= sizeof header) return {};
  std::memcpy(&header, file.data(), sizeof header);
  const auto content = file.subspan(sizeof header);
  return header == header_of(key, content) ? content : std::span<const std::byte>();
}

fs::path kept_folder(const fs::path& cache) { return cache / "kept"; }

std::vector<CacheUse> cache_uses(const fs::path& cache) {
  std::vector<CacheUse> uses;
  std::error_code fault;
  for (const auto& entry : fs::directory_iterator(kept_folder(cache), fault)) {
    if (!entry.is_directory()) continue;
    uses.push_back(count(entry.path()));
    if (fs::exists(entry.path() / kMaker))
      uses.back().maker = read_text_file(entry.path() / kMaker, 1u << 20);
  }
  std::sort(uses.begin(), uses.end(),
            [](const CacheUse& a, const CacheUse& b) { return a.name < b.name; });
  return uses;
}

std::uint64_t clear_caches(const fs::path& cache) {
  std::uint64_t freed = 0;
  for (const auto& use : cache_uses(cache)) freed += use.bytes;
  std::error_code fault;
  fs::remove_all(kept_folder(cache), fault);
  if (fault)
    throw Error(
        fmt::format("{}: removing failed: {}", kept_folder(cache).string(), fault.message()),
        "check its permissions");
  return freed;
}

}  // namespace sumi
