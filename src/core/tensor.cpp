#include "core/tensor.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>

#include <climits>

#include "core/error.h"
#include "core/gpus.h"
#include "core/tensor_memory.h"

namespace sumi {

namespace {

/// Freed activations stay with the process instead of going back to the system after every layer:
/// on some machines a third of a training step went into mapping the same pages again.
void keep_freed_memory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the highest that glibc takes
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

/// LibTorch does not tell its OpenBLAS, which would start a pool of its own as large as the
/// machine.
void set_blas_threads(int threads) {
  using SetThreads = void (*)(int);
  if (const auto set =
          reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads")))
    set(threads);
}

void check_gpu(torch::Device device) {
  if (!has_cuda())
    throw Error("this build of LibTorch has no CUDA",
                "use --device cpu, or build with -DCMAKE_PREFIX_PATH=<a CUDA LibTorch>");
  const int found = gpu_count();
  if (found == 0)
    throw Error("LibTorch finds no GPU that it can compute on",
                "check what nvidia-smi says and that the driver is new enough for this LibTorch's "
                "CUDA, or use --device cpu");
  if (device.index() >= found)
    throw Error(fmt::format("there is no GPU {}: LibTorch finds {}", device.index(), found),
                fmt::format("the last one is cuda:{}", found - 1));
}

}  // namespace

torch::Device start_torch(const Runtime& runtime) {
  const int threads = runtime.threads > 0 ? runtime.threads : available_cores();
  keep_freed_memory();
  use_tensor_arena();
  at::set_num_threads(threads);
  set_blas_threads(threads);
  torch::Device device(torch::kCPU);
  try {
    device = torch::Device(runtime.device);
  } catch (const c10::Error&) {
    throw Error(fmt::format("unknown device \"{}\"", runtime.device), "use cpu, cuda or cuda:N");
  }
  if (device.is_cuda()) check_gpu(device);
  return device;
}

std::string shape_text(at::IntArrayRef shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace sumi
