#include "nn/kernels/onednn.h"

#if defined(_OPENMP)
#include <omp.h>
#endif

#include <algorithm>
#include <cstring>

#include "nn/kernels/aligned_memory.h"
#include "nn/kernels/onednn_version.h"

namespace sumi {
namespace {

void reorder(dnnl::memory from, dnnl::memory to) {
  execute(dnnl::reorder(from, to), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

}  // namespace

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine = make_cpu_engine();
  return engine;
}

void execute(const dnnl::primitive& primitive,
             const std::unordered_map<int, dnnl::memory>& arguments) {
  thread_local dnnl::stream stream(cpu_engine());
  primitive.execute(stream, arguments);
  stream.wait();
}

dnnl::memory at_address(const dnnl::memory::desc& desc, const void* address) {
  return {desc, cpu_engine(), const_cast<void*>(address)};
}

void* scratch(std::size_t bytes) {
  thread_local AlignedFloats block;
  if (block.bytes() < bytes) {
    block = {};
    block = AlignedFloats((bytes + sizeof(float) - 1) / sizeof(float));
  }
  return block.data();
}

int compute_threads() {
#if defined(_OPENMP)
  return omp_get_max_threads();
#else
  return 1;
#endif
}

void copy_floats(const float* from, std::int64_t count, float* out) {
  if (from == out) return;
  constexpr std::int64_t kPiece = 1 << 16;
#pragma omp parallel for if (count > kPiece)
  for (std::int64_t first = 0; first < count; first += kPiece)
    std::memcpy(out + first, from + first,
                static_cast<std::size_t>(std::min(kPiece, count - first)) * sizeof(float));
}

PackedWeights::PackedWeights(const dnnl::memory::desc& plain, const void* data) : plain_(plain) {
  layouts_.emplace_back(plain, cpu_engine());
  std::memcpy(layouts_.back().get_data_handle(), data, plain.get_size());
}

const dnnl::memory& PackedWeights::in(const dnnl::memory::desc& layout) {
  for (const auto& memory : layouts_)
    if (memory.get_desc() == layout) return memory;
  auto source = layouts_.front();
  if (source.get_desc() != plain_) {
    dnnl::memory plain(plain_, cpu_engine());
    reorder(source, plain);
    source = plain;
  }
  dnnl::memory packed(layout, cpu_engine());
  reorder(source, packed);
  std::erase_if(layouts_, [&](const auto& memory) { return memory.get_desc() == plain_; });
  layouts_.push_front(packed);
  if (layouts_.size() > 2) layouts_.pop_back();
  return layouts_.front();
}

std::size_t PackedWeights::bytes() const {
  std::size_t sum = 0;
  for (const auto& memory : layouts_) sum += memory.get_desc().get_size();
  return sum;
}

}  // namespace sumi
