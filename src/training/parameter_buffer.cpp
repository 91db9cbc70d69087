#include "training/parameter_buffer.h"

#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>

namespace sumi {
namespace {

constexpr std::int64_t kAlignment = 16;  // floats: 64 bytes, a cache line and a vector register

std::int64_t padded(std::int64_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

bool is_hidden_matrix(const std::string& name, const Tensor& tensor) {
  if (tensor.dim() < 2) return false;
  for (const char* part : {"token_embedding", "position_embedding", "conv_in.", "conv_out."})
    if (name.find(part) != std::string::npos) return false;
  return true;
}

}  // namespace

ParameterBuffer::ParameterBuffer(const std::vector<NamedSlot>& slots) {
  std::vector<NamedSlot> ordered = slots;
  std::stable_partition(ordered.begin(), ordered.end(),
                        [](const NamedSlot& slot) { return slot.second->dim() >= 2; });
  std::int64_t size = 0;
  for (const auto& [name, tensor] : ordered) {
    size += padded(tensor->numel());
    count_ += tensor->numel();
    if (tensor->dim() >= 2) decayed_ = size;
    layout_ += fmt::format("{} {}\n", name, shape_text(tensor->sizes()));
  }
  const c10::NoGradGuard no_grad;
  const auto options =
      torch::TensorOptions()
          .dtype(torch::kFloat)
          .device(ordered.empty() ? torch::Device(torch::kCPU) : ordered.front().second->device());
  weights_ = at::zeros({size}, options);
  gradients_ = at::zeros({size}, options);
  std::int64_t start = 0;
  for (const auto& [name, tensor] : ordered) {
    const std::int64_t length = tensor->numel();
    Tensor view = weights_.narrow(0, start, length).view(tensor->sizes()).detach();
    view.copy_(*tensor);
    view.requires_grad_(true);
    view.mutable_grad() = gradients_.narrow(0, start, length).view(tensor->sizes()).detach();
    *tensor = view;
    if (is_hidden_matrix(name, view))
      matrices_.push_back({start, view.size(0), length / view.size(0)});
    start += padded(length);
  }
}

SwappedWeights::SwappedWeights(Tensor weights, Tensor others)
    : weights_(std::move(weights)), others_(std::move(others)) {
  exchange();
}

SwappedWeights::~SwappedWeights() { exchange(); }

void SwappedWeights::exchange() {
  const c10::NoGradGuard no_grad;
  const Tensor kept = weights_.clone();
  weights_.copy_(others_);
  others_.copy_(kept);
}

}  // namespace sumi
