#include "nn/kernels/loops.h"

#include "core/processor.h"
#include "nn/kernels/word_loops.h"

namespace sumi {
namespace detail {

// Defined by the files of that name, which are compiled for that instruction set and so must hold
// no function that is called before the processor was asked.
extern const Loops portable_body;
#if defined(__x86_64__)
extern const Loops avx2_body, avx512_body;
extern const WordLoops word_body;
#endif

}  // namespace detail

const Loops* portable_loops() { return &detail::portable_body; }

#if defined(__x86_64__)
const Loops* avx2_loops() { return processor().avx2 ? &detail::avx2_body : nullptr; }
const Loops* avx512_loops() { return processor().avx512 ? &detail::avx512_body : nullptr; }
const WordLoops* word_loops() { return processor().vnni ? &detail::word_body : nullptr; }
#else
const Loops* avx2_loops() { return nullptr; }
const Loops* avx512_loops() { return nullptr; }
const WordLoops* word_loops() { return nullptr; }
#endif

const Loops& loops() {
  if (const auto* widest = avx512_loops()) return *widest;
  if (const auto* wide = avx2_loops()) return *wide;
  return *portable_loops();
}

}  // namespace sumi
