#include <ATen/Version.h>
#include <dlfcn.h>
#include <torch/version.h>

#include <regex>

#include "cli/engine_commands.h"
#include "core/gpus.h"

namespace sumi {
namespace {

/// OpenBLAS is loaded as the system's libblas; it names itself when it is there.
Json openblas_version() {
  using GetConfig = const char* (*)();
  const auto config = reinterpret_cast<GetConfig>(dlsym(RTLD_DEFAULT, "openblas_get_config"));
  return config ? Json(config()) : Json(nullptr);
}

std::string onednn_version() {
  const std::string text = at::get_mkldnn_version();
  std::smatch found;
  return std::regex_search(text, found, std::regex("v[0-9.]+")) ? found.str() : text;
}

}  // namespace

Json library_versions() {
  return {{"libtorch", TORCH_VERSION},
          {"onednn", onednn_version()},
          {"openblas", openblas_version()},
          {"cuda", has_cuda()},
          {"gpus", gpu_count()}};
}

}  // namespace sumi
