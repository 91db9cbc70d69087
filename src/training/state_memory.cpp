#include "training/state_memory.h"

#include <c10/core/GradMode.h>

#include <algorithm>

#include "core/error.h"

namespace sumi {
namespace {

constexpr std::int64_t kPiece = 1 << 20;  // elements: 4 MiB of floats
constexpr std::size_t kPage = 4096;

const void* address_of(const Tensor& flat, const Range& part) {
  return static_cast<const char*>(flat.data_ptr()) +
         part.first * static_cast<std::int64_t>(flat.element_size());
}

std::size_t bytes_of(const Tensor& flat, const Range& part) {
  return static_cast<std::size_t>(part.size()) * flat.element_size();
}

}  // namespace

StateMemory StateMemory::on_disk(const std::filesystem::path& folder, std::uint64_t bytes) {
  StateMemory memory;
  memory.files_ = std::make_shared<Files>(Files{folder, {}});
  memory.files_->all.emplace_back(folder, bytes);
  return memory;
}

/// The next `bytes` of the files, from a page's start.
StateMemory::Place StateMemory::Files::take(std::size_t bytes) {
  if (bytes > all.back().size() - used) {
    all.emplace_back(folder, bytes);
    used = 0;
  }
  std::byte* const data = all.back().data() + used;
  used = std::min(all.back().size(), (used + bytes + kPage - 1) / kPage * kPage);
  return {data, all.back().owner()};
}

Tensor StateMemory::zeros(std::int64_t size, const torch::TensorOptions& options) const {
  const auto plain = options.requires_grad(false);
  if (!files_ || size == 0) return at::zeros({size}, plain);
  if (!plain.device().is_cpu())
    throw Error("trainer.offload: it works for training on the processor only",
                "leave it out, or use --device cpu");
  const auto bytes = static_cast<std::size_t>(size) * plain.dtype().itemsize();
  const Place place = files_->take(bytes);
  return at::from_blob(
      place.data, {size}, [owner = place.owner](void*) {}, plain);
}

Tensor StateMemory::copy_of(const Tensor& flat) const {
  if (!files_) return flat.detach().clone();
  Tensor copy = zeros(flat.numel(), flat.options());
  copy_by_pieces(copy, flat);
  return copy;
}

std::uint64_t StateMemory::disk_bytes() const {
  std::uint64_t sum = 0;
  if (files_)
    for (const auto& memory : files_->all) sum += memory.size();
  return sum;
}

void StateMemory::require_intact() const {
  if (files_)
    for (const auto& memory : files_->all) memory.flush();
}

std::vector<Range> pieces_of(std::int64_t size) {
  std::vector<Range> pieces;
  for (std::int64_t first = 0; first < size; first += kPiece)
    pieces.push_back({first, std::min(size, first + kPiece)});
  return pieces;
}

void part_by_part(std::span<const Range> parts, const std::vector<Tensor>& touched,
                  const std::function<void(std::size_t)>& work) {
  const auto each = [&](std::size_t part, const auto& tell) {
    for (const auto& tensor : touched)
      if (tensor.is_cpu()) tell(address_of(tensor, parts[part]), bytes_of(tensor, parts[part]));
  };
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i + 1 < parts.size()) each(i + 1, fetch_mapped_pages);
    work(i);
    each(i, release_mapped_pages);
  }
}

void piece_by_piece(std::int64_t size, const std::vector<Tensor>& touched,
                    const std::function<void(std::int64_t, std::int64_t)>& work) {
  const c10::NoGradGuard no_grad;
  if (size > 0 && !touched.front().is_cpu()) return work(0, size);
  const auto pieces = pieces_of(size);
  part_by_part(pieces, touched, [&](std::size_t i) { work(pieces[i].first, pieces[i].size()); });
}

void copy_by_pieces(const Tensor& to, const Tensor& from) {
  piece_by_piece(to.numel(), {to, from}, [&](std::int64_t first, std::int64_t length) {
    to.narrow(0, first, length).copy_(from.narrow(0, first, length));
  });
}

}  // namespace sumi
