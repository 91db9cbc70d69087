#include "core/tensor.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"

namespace sumi {

torch::Device start_torch(const Runtime& runtime) {
  at::set_num_threads(runtime.threads > 0 ? runtime.threads : available_cores());
  torch::Device device(torch::kCPU);
  try {
    device = torch::Device(runtime.device);
  } catch (const c10::Error&) {
    throw Error(fmt::format("unknown device \"{}\"", runtime.device), "use cpu, cuda or cuda:N");
  }
  if (device.is_cuda() && !at::globalContext().hasCUDA())
    throw Error("this build of LibTorch has no CUDA",
                "use --device cpu, or build with -DCMAKE_PREFIX_PATH=<a CUDA LibTorch>");
  return device;
}

std::string shape_text(at::IntArrayRef shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace sumi
