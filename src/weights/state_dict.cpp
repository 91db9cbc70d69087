#include "weights/state_dict.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "weights/safetensors.h"

namespace sumi {
namespace {

// In the enum's order.
constexpr std::array kScalarTypes = {
    torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16, torch::kInt64,
    torch::kInt32,   torch::kInt16,   torch::kInt8,    torch::kUInt8,    torch::kBool};

Tensor in_place(const TensorView& view, const std::shared_ptr<const void>& owner) {
  const auto options = torch::TensorOptions().dtype(scalar_type(view.dtype));
  const auto address = reinterpret_cast<std::uintptr_t>(view.bytes.data());
  if (view.bytes.empty() || address % size_of(view.dtype) != 0) {
    Tensor copy = torch::empty(view.shape, options);
    if (!view.bytes.empty()) std::memcpy(copy.data_ptr(), view.bytes.data(), view.bytes.size());
    return copy;
  }
  void* data = const_cast<std::byte*>(view.bytes.data());
  return torch::from_blob(
      data, view.shape, [owner](void*) {}, options);
}

}  // namespace

torch::ScalarType scalar_type(DType dtype) { return kScalarTypes[static_cast<std::size_t>(dtype)]; }

StateDict to_state_dict(const WeightFile& file) {
  StateDict state;
  for (const auto& [name, view] : file.tensors) state.emplace(name, in_place(view, file.owner));
  return state;
}

StateDict load_state_dict(const std::filesystem::path& file) {
  return to_state_dict(open_weight_file(file));
}

TensorView view_of(const Tensor& tensor) {
  for (std::size_t i = 0; i < kScalarTypes.size(); ++i) {
    if (kScalarTypes[i] != tensor.scalar_type()) continue;
    const auto* data = static_cast<const std::byte*>(tensor.data_ptr());
    return {static_cast<DType>(i),
            tensor.sizes().vec(),
            {data, static_cast<std::size_t>(tensor.nbytes())}};
  }
  throw Error(fmt::format("weight files cannot hold {}", torch::toString(tensor.scalar_type())),
              "convert the tensor to float32, float16 or bfloat16 first");
}

void save_state_dict(const std::filesystem::path& file, const StateDict& tensors,
                     const std::map<std::string, std::string>& metadata) {
  StateDict ready;  // keeps what had to be copied alive while it is written
  NamedViews views;
  for (const auto& [name, tensor] : tensors) {
    const Tensor& plain =
        ready.emplace(name, tensor.detach().to(torch::kCPU).contiguous()).first->second;
    views.emplace_back(name, view_of(plain));
  }
  write_safetensors(file, views, metadata);
}

}  // namespace sumi
