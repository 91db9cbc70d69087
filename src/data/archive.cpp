#include "data/archive.h"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <memory>

#include "core/error.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kBlock = 512;
using Block = std::array<char, kBlock>;

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

std::string field(const Block& block, std::size_t offset, std::size_t length) {
  const std::string_view raw(block.data() + offset, length);
  return std::string(raw.substr(0, raw.find('\0')));
}

/// An octal number as tar writes it; nothing when it holds anything else.
std::optional<std::uint64_t> octal(const Block& block, std::size_t offset, std::size_t length) {
  std::uint64_t value = 0;
  bool any = false;
  for (std::size_t i = offset; i < offset + length; ++i) {
    const char c = block[i];
    if (c >= '0' && c <= '7') {
      value = value * 8 + static_cast<std::uint64_t>(c - '0');
      any = true;
    } else if (c == '\0' || c == ' ') {
      if (any) break;
    } else {
      return std::nullopt;
    }
  }
  return any ? std::optional(value) : std::nullopt;
}

bool checksum_fits(const Block& block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i)
    sum += i >= 148 && i < 156 ? std::uint64_t{' '} : static_cast<unsigned char>(block[i]);
  return octal(block, 148, 8) == sum;
}

/// The `path` record of a pax header ("LENGTH key=value\n" each); empty when there is none.
std::string pax_path(std::string_view records) {
  while (!records.empty()) {
    std::size_t length = 0, digits = 0;
    while (digits < records.size() && digits < 9 && records[digits] >= '0' &&
           records[digits] <= '9')
      length = length * 10 + static_cast<std::size_t>(records[digits++] - '0');
    if (digits == 0 || length <= digits + 1 || length > records.size()) return "";
    const auto record = records.substr(digits + 1, length - digits - 2);
    if (record.starts_with("path=")) return std::string(record.substr(5));
    records.remove_prefix(length);
  }
  return "";
}

std::string entry_name(const Block& block) {
  const auto name = field(block, 0, 100);
  const bool ustar = field(block, 257, 5) == "ustar";
  const auto prefix = ustar ? field(block, 345, 155) : "";
  return prefix.empty() ? name : prefix + "/" + name;
}

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
    if (!checksum_fits(block)) stream.fail("has a header with a wrong checksum");
    const auto size = octal(block, 124, 12);
    if (!size || *size > limits.entry_bytes) stream.fail("holds an entry that is too large");
    total += *size;
    if (total > limits.total_bytes || ++entries > limits.entries) stream.fail("holds too much");
    const auto content = stream.read_content(*size);
    const char type = block[156];
    if (type == 'x') {
      long_name = pax_path(content);
    } else if (type == 'L') {
      long_name = content.substr(0, content.find('\0'));
    } else {
      if (type == '0' || type == '\0')
        take(long_name.empty() ? entry_name(block) : long_name, content);
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
