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

}  // namespace

torch::ScalarType scalar_type(DType dtype) { return kScalarTypes[static_cast<std::size_t>(dtype)]; }

Tensor to_tensor(const TensorView& view, const std::shared_ptr<const void>& owner) {
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

StateDict to_state_dict(const WeightFile& file) {
  StateDict state;
  for (const auto& [name, view] : file.tensors) state.emplace(name, to_tensor(view, file.owner));
  return state;
}

StateDict load_state_dict(const std::filesystem::path& file) {
  return to_state_dict(open_weight_file(file));
}

DType dtype_of(const Tensor& tensor) {
  for (std::size_t i = 0; i < kScalarTypes.size(); ++i)
    if (kScalarTypes[i] == tensor.scalar_type()) return static_cast<DType>(i);
  throw Error(fmt::format("weight files cannot hold {}", torch::toString(tensor.scalar_type())),
              "convert the tensor to float32, float16 or bfloat16 first");
}

std::span<const std::byte> bytes_of(const Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.data_ptr()),
          static_cast<std::size_t>(tensor.nbytes())};
}

void save_state_dict(const std::filesystem::path& file, const StateDict& tensors,
                     const std::map<std::string, std::string>& metadata) {
  std::vector<TensorPlan> plans;
  std::vector<const Tensor*> sources;
  for (const auto& [name, tensor] : tensors) {
    plans.push_back({name, dtype_of(tensor), tensor.sizes().vec()});
    sources.push_back(&tensor);
  }
  Tensor plain;  // what had to be copied lives until the next one
  write_safetensors(
      file, plans,
      [&](std::size_t i) {
        plain = sources[i]->detach().to(torch::kCPU).contiguous();
        return bytes_of(plain);
      },
      metadata);
}

}  // namespace sumi
