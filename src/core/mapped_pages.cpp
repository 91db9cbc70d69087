#include "core/mapped_pages.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

namespace sumi {
namespace {

/// Whole pages of one mapping.
struct Pages {
  std::byte* first;
  std::size_t size, offset;  ///< in bytes; `offset` is that of the file
  int descriptor;
};

/// Where files are mapped now.
class Mappings {
 public:
  void add(const MappedPages* pages) {
    const std::lock_guard lock(mutex_);
    all_[pages->start()] = pages;
  }
  void remove(const MappedPages* pages) {
    const std::lock_guard lock(mutex_);
    all_.erase(pages->start());
  }
  /// The pages that `size` bytes at `data` lie on.
  std::optional<Pages> find(const void* data, std::size_t size) const {
    const std::lock_guard lock(mutex_);
    const auto after = all_.upper_bound(static_cast<const std::byte*>(data));
    if (after == all_.begin() || size == 0) return std::nullopt;
    const MappedPages& pages = *std::prev(after)->second;
    const auto begin =
        static_cast<std::size_t>(static_cast<const std::byte*>(data) - pages.start());
    if (begin > pages.size() || size > pages.size() - begin) return std::nullopt;
    static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t first = begin / page * page;
    return Pages{pages.start() + first, begin + size - first, first, pages.descriptor()};
  }

 private:
  mutable std::mutex mutex_;
  std::map<const std::byte*, const MappedPages*> all_;
};

Mappings& mappings() {
  static Mappings& all = *new Mappings;  // tensors may outlive everything
  return all;
}

}  // namespace

MappedPages::MappedPages(void* start, std::size_t size, int descriptor)
    : start_(static_cast<std::byte*>(start)), size_(size), descriptor_(descriptor) {
  mappings().add(this);
}

MappedPages::~MappedPages() {
  mappings().remove(this);
  ::munmap(start_, size_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

void release_mapped_pages(const void* data, std::size_t size) {
  const auto pages = mappings().find(data, size);
  if (!pages) return;
  ::madvise(pages->first, pages->size, MADV_DONTNEED);
  if (pages->descriptor >= 0)
    ::sync_file_range(pages->descriptor, static_cast<off64_t>(pages->offset),
                      static_cast<off64_t>(pages->size), SYNC_FILE_RANGE_WRITE);
}

void fetch_mapped_pages(const void* data, std::size_t size) {
  if (const auto pages = mappings().find(data, size))
    ::madvise(pages->first, pages->size, MADV_WILLNEED);
}

}  // namespace sumi
