#pragma once

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#ifdef SUMI_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <functional>
#include <vector>

#include "training/processes.h"

namespace sumi {

/// c10d's process groups behind the few collectives that training needs, with its exceptions as
/// LostProcess. Tensors on a GPU go through NCCL, or through the processor where there is none.
struct Processes::Groups {
 public:
  explicit Groups(const ProcessPlace& place);

  /// Sends `sent`[r] neighbouring elements of `from` to process r and puts the `taken`[r] elements
  /// of process r one after the other into `to`.
  void exchange(Tensor& to, Tensor& from, std::vector<std::int64_t> taken,
                std::vector<std::int64_t> sent);
  /// Everybody gets `tensor` of process `owner`.
  void broadcast(Tensor& tensor, int owner);
  /// Everybody gets parts[r] of process r, all under way together.
  void broadcast(std::vector<Tensor>& parts);
  /// Adds up a tensor on the processor over all processes.
  void add(Tensor& tensor);

 private:
  bool needs_copy(const Tensor& tensor) const;
  void broadcast_placed(std::vector<Tensor>& parts, const std::vector<int>& owners);

  ProcessPlace place_;
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo_;
#ifdef SUMI_NCCL
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> nccl_;
#endif
};

}  // namespace sumi
