#include "core/tensor_memory.h"

#include <c10/core/CPUAllocator.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <new>

#include "core/torch_version.h"

namespace sumi {
namespace {

constexpr std::size_t kSmallest = std::size_t{64} << 10;
constexpr std::size_t kAlignment = 64;
/// The highest priority: LibTorch's own allocator registers itself with the lowest.
constexpr std::uint8_t kPriority = 255;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

std::size_t machine_bytes() {
  return static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

/// Addresses for twice the machine's memory. Never destroyed: tensors may outlive everything.
Arena& arena() {
  static Arena& one = *new Arena(2 * machine_bytes());
  return one;
}

void free_block(void* block) {
  if (arena().owns(block))
    arena().free(block);
  else
    std::free(block);
}

class ArenaAllocator final : public TensorAllocator {
 public:
  c10::DeleterFnPtr raw_deleter() const override { return &free_block; }

 protected:
  c10::DataPtr take(std::size_t bytes) const override {
    void* block = bytes >= kSmallest ? arena().allocate(bytes) : nullptr;
    if (!block && bytes > 0 && posix_memalign(&block, kAlignment, bytes) != 0)
      throw std::bad_alloc();
    return {block, block, &free_block, c10::Device(c10::DeviceType::CPU)};
  }
};

bool& in_use() {
  static bool used = false;
  return used;
}

}  // namespace

void use_tensor_arena() {
  if (kSanitized || in_use()) return;
  in_use() = true;
  static ArenaAllocator& allocator = *new ArenaAllocator;
  c10::SetCPUAllocator(&allocator, kPriority);
}

Arena::Usage tensor_memory() { return in_use() ? arena().usage() : Arena::Usage{}; }

void reset_tensor_peak() {
  if (in_use()) arena().reset_peak();
}

void return_freed_memory() {
  if (in_use()) arena().trim();
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

}  // namespace sumi
