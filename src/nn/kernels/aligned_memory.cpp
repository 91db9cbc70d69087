#include "nn/kernels/aligned_memory.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstdint>
#include <new>

namespace sumi {

#if defined(__linux__)
void prefer_large_pages(void* start, std::size_t bytes) {
  constexpr std::uintptr_t kPage = std::uintptr_t{2} << 20;
  const auto address = reinterpret_cast<std::uintptr_t>(start);
  const auto first = (address + kPage - 1) / kPage * kPage,
             last = (address + bytes) / kPage * kPage;
  // A system without large pages refuses; small ones do.
  if (first < last) (void)madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}
#else
void prefer_large_pages(void*, std::size_t) {}
#endif

AlignedFloats::AlignedFloats(std::size_t count)
    : start_(::operator new (count * sizeof(float), std::align_val_t{64})),
      bytes_(count * sizeof(float)) {
  prefer_large_pages(start_.get(), bytes_);
}

void AlignedFloats::Freed::operator()(void* block) const {
  ::operator delete (block, std::align_val_t{64});
}

}  // namespace sumi
