#pragma once

#include <cstddef>

namespace sumi {

/// Addresses behind which a file stands, and the file where it is written to. Known for as long as
/// this lives, so that pages can be let go and asked for by address; unmapped and closed at its
/// end.
class MappedPages {
 public:
  /// Takes over a mapping and, unless -1, the descriptor of the file that its pages are written to.
  MappedPages(void* start, std::size_t size, int descriptor = -1);
  ~MappedPages();
  MappedPages(const MappedPages&) = delete;
  MappedPages& operator=(const MappedPages&) = delete;

  std::byte* start() const { return start_; }
  std::size_t size() const { return size_; }
  int descriptor() const { return descriptor_; }

 private:
  std::byte* start_;
  std::size_t size_;
  int descriptor_;
};

/// Gives the memory of `size` bytes at `data` back to the system if a file stands behind them. They
/// come back from there when they are touched again; what was changed begins to be written there.
/// Anything else is left alone.
void release_mapped_pages(const void* data, std::size_t size);

/// Has such bytes read ahead, without waiting for them.
void fetch_mapped_pages(const void* data, std::size_t size);

}  // namespace sumi
