#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/tensor.h"
#include "training/process_place.h"
#include "training/range.h"

namespace sumi {

/// Another process of the run died or was silent for too long. Nothing of this process is wrong:
/// all can be started again and go on from the last snapshot.
class LostProcess : public Error {
 public:
  using Error::Error;
};

/// An Error that every process of the run throws at the same point; the first one throws it as a
/// plain Error, so that it is told once.
class SharedError : public Error {
 public:
  using Error::Error;
};

/// The processes that train one model together, through LibTorch's c10d: Gloo between processors,
/// NCCL between GPUs where LibTorch has it. Alone it does nothing. All but the plain questions are
/// collectives: every process calls them, in the same order; they throw LostProcess when another
/// process does not answer any more.
class Processes {
 public:
  Processes();
  /// Meets the others at the place's master. Throws Error when the first process cannot listen
  /// there, LostProcess when the others do not come in time.
  explicit Processes(const ProcessPlace& place);
  ~Processes();
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  int rank() const { return place_.rank; }
  int count() const { return place_.count; }
  bool first() const { return place_.rank == 0; }
  const ProcessPlace& place() const { return place_; }

  /// Adds up `flat` over all processes; afterwards the process of rank r holds the sum in its
  /// `ranges`[r] (which follow each other and cover `flat`), the rest is as it was. Added as
  /// tree_sum() adds, so that the bits depend neither on timing nor on how one process would have
  /// gone about it; it sends what a ring would send.
  void add_to_owners(Tensor& flat, std::span<const Range> ranges);
  /// The reverse: everybody gets each range of `flat` from its owner.
  void share_from_owners(Tensor& flat, std::span<const Range> ranges);

  /// The sums over all processes, everywhere. Exact where only one process has other than zeros.
  std::vector<double> sums(std::vector<double> values);
  /// Whether any process says so.
  bool any(bool own);
  /// The text of process `rank`, everywhere.
  std::string text_of(int rank, std::string text);
  /// The tensor of the first process, everywhere, on the processor.
  Tensor from_first(const Tensor& tensor);
  /// Where an array of this process's length lies among those of all, one after the other, and how
  /// long they are together.
  struct Share {
    std::int64_t first = 0, total = 0;
  };
  Share share_of(std::int64_t own_length);
  /// All processes' `own` (flat, on the processor, of any sizes), one after the other, at the
  /// first; undefined elsewhere.
  Tensor joined_at_first(const Tensor& own);

  /// Runs `work` in each process. When it throws Error in one, all throw that Error; of several,
  /// the one of the lowest rank.
  void together(const std::function<void()>& work);
  /// Throws the Error of process `rank`, whose texts these are there, in each process.
  [[noreturn]] void throw_of(int rank, std::string what, std::string hint);
  /// Runs `work` in the first process alone; the others wait and share its Error.
  void at_first(const std::function<void()>& work);

 private:
  struct Groups;
  std::vector<std::int64_t> all_sizes(std::int64_t own);

  ProcessPlace place_;
  std::unique_ptr<Groups> groups_;
};

/// The sum of `rows` as a balanced tree over their order: halves of an even number, all but the
/// last and the last of an odd one. Uses the rows up. Blocks of equal length, each summed so, come
/// to the bits of the whole when their number is a power of two.
Tensor tree_sum(std::vector<Tensor> rows);

}  // namespace sumi
