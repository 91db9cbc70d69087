#include "core/scratch_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/error.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const fs::path& folder, std::size_t bytes, const char* doing, int code) {
  std::error_code unknown;
  const auto space = fs::space(folder, unknown);
  const bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
  std::string hint = "check the folder and its permissions";
  if (full)
    hint = fmt::format("free some space on that disk{}, or name a folder on another",
                       unknown ? ""
                               : fmt::format(", where {:.1f} MB are free",
                                             static_cast<double>(space.available) / 1e6));
  throw Error(fmt::format("{}: {} {:.1f} MB of scratch memory there failed: {}", folder.string(),
                          doing, static_cast<double>(bytes) / 1e6, std::strerror(code)),
              hint);
}

/// A file that has no name any more, open for reading and writing.
int nameless_file(const fs::path& folder) {
  std::string pattern = (folder / ".scratch-XXXXXX").string();
  const int descriptor = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (descriptor >= 0) ::unlink(pattern.c_str());
  return descriptor;
}

}  // namespace

ScratchMemory::ScratchMemory(const fs::path& folder, std::size_t bytes) : folder_(folder) {
  const int descriptor = nameless_file(folder);
  if (descriptor < 0) fail(folder, bytes, "making", errno);
  int failed = 0;
  do failed = ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
  while (failed == EINTR);
  void* start = failed ? MAP_FAILED
                       : ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (start == MAP_FAILED) {
    if (!failed) failed = errno;
    ::close(descriptor);
    fail(folder, bytes, "reserving", failed);
  }
  pages_ = std::make_shared<MappedPages>(start, bytes, descriptor);
}

void ScratchMemory::flush() const {
  if (::fdatasync(pages_->descriptor()) == 0) return;
  throw Error(fmt::format("{}: writing scratch memory there failed: {}", folder_.string(),
                          std::strerror(errno)),
              "that disk may be damaged; name a folder on another");
}

bool lies_in_memory(const fs::path& folder) {
  struct statfs info {};
  if (::statfs(folder.c_str(), &info) != 0) return false;
  return info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC;
}

}  // namespace sumi
