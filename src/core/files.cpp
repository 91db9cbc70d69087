#include "core/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/mapped_pages.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const fs::path& path, std::string_view doing, int code) {
  std::string hint = "check the path and its permissions";
  if (code == ENOSPC || code == EDQUOT) hint = "free some space on that disk, or write elsewhere";
  if (code == ENOENT) hint = "check the path: that file or its folder does not exist";
  throw Error(fmt::format("{}: {} failed: {}", path.string(), doing, std::strerror(code)), hint);
}

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : value_(::open(path.c_str(), flags | O_CLOEXEC)) {
    if (value_ < 0) fail(path, "opening", errno);
  }
  ~Descriptor() { ::close(value_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int value() const { return value_; }

 private:
  int value_;
};

std::size_t regular_size(const Descriptor& file, const fs::path& path) {
  struct stat info {};
  if (::fstat(file.value(), &info) != 0) fail(path, "reading its size", errno);
  if (!S_ISREG(info.st_mode))
    throw Error(fmt::format("{}: not a regular file", path.string()), "give a file");
  return static_cast<std::size_t>(info.st_size);
}

}  // namespace

std::string read_text_file(const fs::path& file, std::size_t max_bytes) {
  const Descriptor descriptor(file, O_RDONLY);
  const std::size_t size = regular_size(descriptor, file);
  if (size > max_bytes)
    throw Error(fmt::format("{}: {} bytes, at most {} are read", file.string(), size, max_bytes),
                "check that this is the file you meant");
  std::string text(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(descriptor.value(), text.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(file, "reading", errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  text.resize(done);
  return text;
}

MappedFile::MappedFile(const fs::path& file) : path_(file) {
  const Descriptor descriptor(file, O_RDONLY);
  const std::size_t size = regular_size(descriptor, file);
  if (size == 0)
    throw Error(fmt::format("{}: the file is empty", file.string()), "fetch or write it again");
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.value(), 0);
  if (address == MAP_FAILED) fail(file, "mapping", errno);
  owner_ = std::make_shared<MappedPages>(address, size);
  bytes_ = {static_cast<const std::byte*>(address), size};
}

AtomicFile::AtomicFile(fs::path target) : target_(std::move(target)) {
  std::string pattern = target_.string() + ".XXXXXX.partial";
  std::vector<char> name(pattern.begin(), pattern.end());
  name.push_back('\0');
  descriptor_ = ::mkstemps(name.data(), static_cast<int>(std::strlen(".partial")));
  if (descriptor_ < 0) fail(target_, "creating", errno);
  partial_ = name.data();
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(descriptor_, 0666 & ~mask);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!partial_.empty()) ::unlink(partial_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail(target_, "writing", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
}

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail(target_, "flushing", errno);
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (::close(descriptor) != 0) fail(target_, "closing", errno);
  if (::rename(partial_.c_str(), target_.c_str()) != 0) fail(target_, "renaming into place", errno);
  partial_.clear();
  sync_directory(target_.has_parent_path() ? target_.parent_path() : fs::path("."));
}

void write_file(const fs::path& file, std::string_view content) {
  AtomicFile out(file);
  out.write(content);
  out.commit();
}

void write_file(const fs::path& file, std::span<const std::byte> content) {
  AtomicFile out(file);
  out.write(content);
  out.commit();
}

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (fs::temp_directory_path() / "sumi-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) fail(pattern, "creating a temporary folder", errno);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void sync_directory(const fs::path& directory) {
  const Descriptor descriptor(directory, O_RDONLY | O_DIRECTORY);
  if (::fsync(descriptor.value()) != 0 && errno != EINVAL) fail(directory, "flushing", errno);
}

}  // namespace sumi
