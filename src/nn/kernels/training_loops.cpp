#include "nn/kernels/training_loops.h"

#include "core/processor.h"

namespace sumi {
namespace detail {

// As in loops.cpp: defined by files compiled for that instruction set alone.
extern const TrainingLoops portable_training_body;
#if defined(__x86_64__)
extern const TrainingLoops avx2_training_body, avx512_training_body;
#endif

}  // namespace detail

const TrainingLoops* portable_training_loops() { return &detail::portable_training_body; }

#if defined(__x86_64__)
const TrainingLoops* avx2_training_loops() {
  return processor().avx2 ? &detail::avx2_training_body : nullptr;
}
const TrainingLoops* avx512_training_loops() {
  return processor().avx512 ? &detail::avx512_training_body : nullptr;
}
#else
const TrainingLoops* avx2_training_loops() { return nullptr; }
const TrainingLoops* avx512_training_loops() { return nullptr; }
#endif

const TrainingLoops& training_loops() {
  if (const auto* widest = avx512_training_loops()) return *widest;
  if (const auto* wide = avx2_training_loops()) return *wide;
  return *portable_training_loops();
}

}  // namespace sumi
