#include "core/processor.h"

namespace sumi {
namespace {

Processor detect() {
  Processor found;
#if defined(__x86_64__)
  const auto has = [](int answer) { return answer != 0; };
  found.amd = has(__builtin_cpu_is("amd"));
  found.avx2 = has(__builtin_cpu_supports("avx2")) && has(__builtin_cpu_supports("fma"));
  found.avx512 = found.avx2 && has(__builtin_cpu_supports("avx512f")) &&
                 has(__builtin_cpu_supports("avx512bw")) &&
                 has(__builtin_cpu_supports("avx512vl")) && has(__builtin_cpu_supports("avx512dq"));
  found.vnni = found.avx512 && has(__builtin_cpu_supports("avx512vnni"));
  found.bf16 = found.avx512 && has(__builtin_cpu_supports("avx512bf16"));
#endif
  return found;
}

}  // namespace

const Processor& processor() {
  static const Processor detected = detect();
  return detected;
}

}  // namespace sumi
