#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/scratch_memory.h"
#include "core/tensor.h"
#include "training/range.h"

namespace sumi {

/// Where the flat tensors of a run's state lie: in memory, or in scratch files, so that an update
/// needs memory for the parts it is at only (ZeRO-Infinity's way with the optimiser, Rajbhandari et
/// al. 2021, section 5, on one disk). What is computed is the same either way. Copies share their
/// files.
class StateMemory {
 public:
  /// In memory.
  StateMemory() = default;
  /// In a file without a name on the disk of `folder`, whose space, `bytes`, is taken at once; what
  /// does not fit in takes more later. Throws Error when the disk has no room.
  static StateMemory on_disk(const std::filesystem::path& folder, std::uint64_t bytes);

  /// Throws Error when the disk has no room, or where tensors of that device cannot lie in files.
  Tensor zeros(std::int64_t size, const torch::TensorOptions& options) const;
  Tensor copy_of(const Tensor& flat) const;

  /// What is taken of the disk, in bytes.
  std::uint64_t disk_bytes() const;
  /// Throws Error when anything of it could not be written: it must not be saved then.
  void require_intact() const;

 private:
  struct Place {
    std::byte* data;
    std::shared_ptr<const void> owner;
  };
  struct Files {
    std::filesystem::path folder;
    std::vector<ScratchMemory> all;
    std::size_t used = 0;  ///< of the last
    Place take(std::size_t bytes);
  };
  std::shared_ptr<Files> files_;  ///< null: in memory
};

/// 0 to `size` - 1 in ranges of a MiB of elements; the last may be shorter.
std::vector<Range> pieces_of(std::int64_t size);

/// Calls work(i) for each of `parts`, in order. Those of the flat tensors `touched` that lie in
/// files have the next part read ahead and a done one's pages let go.
void part_by_part(std::span<const Range> parts, const std::vector<Tensor>& touched,
                  const std::function<void(std::size_t)>& work);

/// Calls work(first, length) over 0 to `size` - 1, piece by piece as above; in one piece where the
/// tensors are not the processor's.
void piece_by_piece(std::int64_t size, const std::vector<Tensor>& touched,
                    const std::function<void(std::int64_t first, std::int64_t length)>& work);

/// to = from, both flat, piece by piece; a mapped file that `from` lies in is let go as well.
void copy_by_pieces(const Tensor& to, const Tensor& from);

}  // namespace sumi
