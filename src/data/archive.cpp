#include "data/archive.h"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <memory>

#include "core/error.h"
#include "data/tar_header.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kBlock = tar_block_bytes;
using Block = TarBlock;

/// A tar stream behind zlib, which passes plain files through unchanged.
class TarStream {
 public:
  explicit TarStream(const fs::path& file)
      : path_(file), file_(gzopen(file.c_str(), "rb"), gzclose) {
    if (!file_) fail("cannot be opened");
    gzbuffer(file_.get(), 1u << 17);
  }

  /// False at a clean end of the file.
  bool read_block(Block& block) {
    const int count = gzread(file_.get(), block.data(), kBlock);
    if (count == 0) return false;
    if (count != static_cast<int>(kBlock)) fail("ends inside a header");
    return true;
  }

  std::string read_content(std::size_t bytes) {
    std::string content(bytes, '\0');
    if (bytes > 0 && gzread(file_.get(), content.data(), static_cast<unsigned>(bytes)) !=
                         static_cast<int>(bytes))
      fail("ends inside an entry");
    const std::size_t padding = (kBlock - bytes % kBlock) % kBlock;
    Block rest;
    if (padding > 0 && gzread(file_.get(), rest.data(), static_cast<unsigned>(padding)) !=
                           static_cast<int>(padding))
      fail("ends inside an entry");
    return content;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{}: the archive {}", path_.string(), what),
                "the download is probably damaged; fetch it again");
  }

 private:
  fs::path path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

}  // namespace

void read_tar(const fs::path& archive,
              const std::function<void(const std::string&, std::string_view)>& take,
              const ArchiveLimits& limits) {
  TarStream stream(archive);
  std::string long_name;
  std::size_t total = 0, entries = 0;
  Block block;
  while (stream.read_block(block)) {
    if (block == Block{}) break;
    if (!tar_checksum_fits(block)) stream.fail("has a header with a wrong checksum");
    const auto size = tar_size(block);
    if (!size || *size > limits.entry_bytes) stream.fail("holds an entry that is too large");
    total += *size;
    if (total > limits.total_bytes || ++entries > limits.entries) stream.fail("holds too much");
    const auto content = stream.read_content(*size);
    const char type = tar_type(block);
    if (type == 'x') {
      bool sound = true;
      long_name = pax_record(content, "path", sound).value_or("");
    } else if (type == 'L') {
      long_name = content.substr(0, content.find('\0'));
    } else {
      if (type == '0' || type == '\0')
        take(long_name.empty() ? tar_name(block) : long_name, content);
      long_name.clear();
    }
  }
}

std::optional<fs::path> safe_relative_path(std::string_view name) {
  while (name.starts_with("./")) name.remove_prefix(2);
  if (name.empty() || name.size() > 1024 || name.front() == '/') return std::nullopt;
  fs::path result;
  while (!name.empty()) {
    const auto slash = name.find('/');
    std::string part(name.substr(0, slash));
    name.remove_prefix(slash == std::string_view::npos ? name.size() : slash + 1);
    if (part.empty() || part == "." || part == ".." || part.size() > 200) return std::nullopt;
    for (char& c : part) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') ||
                         std::string_view("._+@-").find(c) != std::string_view::npos;
      if (!plain) c = '_';
    }
    result /= part;
  }
  return result;
}

}  // namespace sumi
