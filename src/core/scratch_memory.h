#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

#include "core/mapped_pages.h"

namespace sumi {

/// Memory that a file stands behind, so that all of it together may be larger than the machine's:
/// pages come when they are touched and go, written back, with release_mapped_pages() or when the
/// system needs room. The file has no name: it is gone with the last copy, and with the process
/// however that ends.
class ScratchMemory {
 public:
  /// `bytes` zeros, one or more, on the disk of `folder`. Their space is taken at once, so that no
  /// later touch can meet a full disk. Throws Error naming the folder where it cannot be had.
  ScratchMemory(const std::filesystem::path& folder, std::size_t bytes);

  std::byte* data() const { return pages_->start(); }
  std::size_t size() const { return pages_->size(); }
  /// Keeps the memory alive for views that outlive this object.
  std::shared_ptr<const void> owner() const { return pages_; }

  /// Waits until all is on the disk. Throws Error when a page could not be written since the last
  /// time: what it held is then lost.
  void flush() const;

 private:
  std::filesystem::path folder_;
  std::shared_ptr<const MappedPages> pages_;
};

/// Whether files of this folder lie in memory themselves (tmpfs, ramfs).
bool lies_in_memory(const std::filesystem::path& folder);

}  // namespace sumi
