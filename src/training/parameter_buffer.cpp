#include "training/parameter_buffer.h"

#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/mapped_pages.h"
#include "core/tensor_memory.h"

namespace sumi {
namespace {

constexpr std::int64_t kAlignment = 16;  // floats: 64 bytes, a cache line and a vector register

std::int64_t padded(std::int64_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

bool is_hidden_matrix(const std::string& name, const Tensor& tensor) {
  if (tensor.dim() < 2) return false;
  for (const char* part : {"token_embedding", "position_embedding", "conv_in.", "conv_out.",
                           "transformer.pos_embed.", "transformer.proj_out."})
    if (name.find(part) != std::string::npos) return false;
  return true;
}

double rate_of(const std::string& name, const std::vector<RateFactor>& rates) {
  for (const auto& [prefix, factor] : rates)
    if (name.starts_with(prefix)) return factor;
  return 1;
}

}  // namespace

std::int64_t stored_length(const Tensor& tensor) { return padded(tensor.numel()); }

ParameterBuffer::ParameterBuffer(const std::vector<NamedSlot>& slots,
                                 const std::vector<RateFactor>& rates, const StateMemory& memory) {
  std::vector<NamedSlot> ordered = slots;
  std::stable_partition(ordered.begin(), ordered.end(),
                        [](const NamedSlot& slot) { return slot.second->dim() >= 2; });
  std::int64_t size = 0;
  for (const auto& [name, tensor] : ordered) {
    size += padded(tensor->numel());
    count_ += tensor->numel();
    layout_ += fmt::format("{} {}\n", name, shape_text(tensor->sizes()));
  }
  const c10::NoGradGuard no_grad;
  const auto options =
      torch::TensorOptions()
          .dtype(torch::kFloat)
          .device(ordered.empty() ? torch::Device(torch::kCPU) : ordered.front().second->device());
  weights_ = memory.zeros(size, options);
  std::int64_t start = 0;
  for (const auto& [name, tensor] : ordered) {
    const std::int64_t length = tensor->numel();
    Tensor view = weights_.narrow(0, start, length).view(tensor->sizes()).detach();
    view.copy_(*tensor);
    if (tensor->is_cpu()) release_mapped_pages(tensor->data_ptr(), tensor->nbytes());
    *tensor = view.requires_grad_(true);
    const bool matrix = view.dim() >= 2;
    const std::int64_t rows = matrix ? view.size(0) : 1;
    slices_.push_back(
        {start, rows, length / rows, matrix, is_hidden_matrix(name, view), rate_of(name, rates)});
    start += padded(length);
  }
  return_freed_memory();  // of the tensors as they were, before as much again is taken
  gradients_ = memory.zeros(size, options);
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    Tensor& leaf = *ordered[i].second;
    leaf.mutable_grad() =
        gradients_.narrow(0, slices_[i].start, leaf.numel()).view(leaf.sizes()).detach();
  }
}

std::vector<ParameterSpan> spans_of(const std::vector<ParameterSlice>& slices) {
  std::vector<ParameterSpan> spans;
  for (const auto& slice : slices)
    spans.push_back(
        {slice.start, slice.start + padded(slice.rows * slice.columns), slice.decays, slice.rate});
  return spans;
}

std::vector<ParameterSpan> joined_spans(const std::vector<ParameterSlice>& slices) {
  std::vector<ParameterSpan> joined;
  for (const auto& span : spans_of(slices)) {
    if (!joined.empty() && joined.back().decays == span.decays && joined.back().rate == span.rate)
      joined.back().last = span.last;
    else
      joined.push_back(span);
  }
  return joined;
}

std::vector<MatrixSlice> matrices_of(const std::vector<ParameterSlice>& slices) {
  std::vector<MatrixSlice> matrices;
  for (const auto& slice : slices)
    if (slice.hidden) matrices.push_back({slice.start, slice.rows, slice.columns, slice.rate});
  return matrices;
}

SwappedWeights::SwappedWeights(Tensor weights, Tensor others)
    : weights_(std::move(weights)), others_(std::move(others)) {
  exchange();
}

SwappedWeights::~SwappedWeights() { exchange(); }

void SwappedWeights::exchange() {
  const c10::NoGradGuard no_grad;
  piece_by_piece(weights_.numel(), {weights_, others_},
                 [&](std::int64_t first, std::int64_t length) {
                   Tensor ours = weights_.narrow(0, first, length);
                   Tensor theirs = others_.narrow(0, first, length);
                   const Tensor kept = ours.clone();
                   ours.copy_(theirs);
                   theirs.copy_(kept);
                 });
}

}  // namespace sumi
