#include "core/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace sumi {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kLeastReserve = std::size_t{64} << 20;

std::size_t whole_pages(std::size_t bytes) {
  return (std::max<std::size_t>(bytes, 1) + kPage - 1) / kPage * kPage;
}

}  // namespace

Arena::Arena(std::size_t reserved_bytes) {
  for (std::size_t bytes = whole_pages(reserved_bytes); bytes >= kPage; bytes = bytes / 2) {
    bytes = whole_pages(bytes);
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at != MAP_FAILED) {
      start_ = static_cast<std::byte*>(at);
      reserved_ = bytes;
      break;
    }
    if (bytes < kLeastReserve) return;
  }
  // One fault maps 2 MiB where the system has such pages: faults are what new memory costs.
  ::madvise(start_, reserved_, MADV_HUGEPAGE);
  add_gap(0, reserved_);
}

Arena::~Arena() {
  if (start_) ::munmap(start_, reserved_);
}

void Arena::add_gap(std::size_t offset, std::size_t bytes) {
  gaps_.emplace(offset, bytes);
  by_size_.emplace(bytes, offset);
}

void Arena::remove_gap(std::map<std::size_t, std::size_t>::iterator gap) {
  by_size_.erase({gap->second, gap->first});
  gaps_.erase(gap);
}

void* Arena::allocate(std::size_t bytes) {
  if (bytes > reserved_) return nullptr;
  const std::size_t size = whole_pages(bytes);
  const std::scoped_lock lock(mutex_);
  const auto fit = by_size_.lower_bound({size, 0});
  if (fit == by_size_.end()) return nullptr;
  const auto [gap, offset] = *fit;
  remove_gap(gaps_.find(offset));
  if (gap > size) add_gap(offset + size, gap - size);
  blocks_.emplace(offset, size);
  usage_.live += size;
  usage_.peak = std::max(usage_.peak, usage_.live);
  usage_.extent = std::max(usage_.extent, offset + size);
  return start_ + offset;
}

void Arena::free(void* block) {
  const std::scoped_lock lock(mutex_);
  std::size_t offset = static_cast<std::size_t>(static_cast<std::byte*>(block) - start_);
  const auto found = blocks_.find(offset);
  std::size_t size = found->second;
  blocks_.erase(found);
  usage_.live -= size;
  const auto after = gaps_.lower_bound(offset);
  if (after != gaps_.end() && after->first == offset + size) {
    size += after->second;
    remove_gap(after);
  }
  const auto next = gaps_.lower_bound(offset);
  if (next != gaps_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == offset) {
      offset = before->first;
      size += before->second;
      remove_gap(before);
    }
  }
  add_gap(offset, size);
}

bool Arena::owns(const void* address) const {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const auto first = reinterpret_cast<std::uintptr_t>(start_);
  return start_ && at >= first && at < first + reserved_;
}

void Arena::trim() {
  const std::scoped_lock lock(mutex_);
  for (const auto& [offset, bytes] : gaps_) ::madvise(start_ + offset, bytes, MADV_DONTNEED);
}

Arena::Usage Arena::usage() const {
  const std::scoped_lock lock(mutex_);
  return usage_;
}

void Arena::reset_peak() {
  const std::scoped_lock lock(mutex_);
  usage_.peak = usage_.live;
  usage_.extent = 0;
  for (const auto& [offset, bytes] : blocks_)
    usage_.extent = std::max(usage_.extent, offset + bytes);
}

}  // namespace sumi
