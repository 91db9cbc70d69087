#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "weights/pickle.h"
#include "weights/pickle_reader.h"

namespace sumi {

/// The values that a pickle builds, the stack and the memo it builds them with. Every misuse is an
/// Error, and so is a size that no file of weights has: memory stays under 64 MiB.
class PickleStack {
 public:
  /// Errors are told through `reader`, which must outlive the stack.
  explicit PickleStack(const PickleReader& reader) : reader_(reader) {}

  void push(PickleRef ref);
  void push_new(PickleValue value) { push(add(std::move(value))); }
  void push_new(PickleKind kind, std::int64_t value = 0) {
    push_new(PickleValue{.kind = kind, .number = value, .text = {}, .items = {}});
  }
  void push_text(PickleKind kind, std::string_view value) {
    push_new(PickleValue{.kind = kind, .text = value, .items = {}});
  }
  void push_items(PickleKind kind, std::vector<PickleRef> items);
  void push_tensor(PickleTensor tensor, PickleRef storage);

  PickleRef pop();
  std::vector<PickleRef> pop_many(std::size_t count);
  /// The values above the last mark, which are taken away with it.
  std::vector<PickleRef> pop_mark();
  void push_mark();
  void duplicate() { top(), push(stack_.back()); }

  PickleValue& top();
  const PickleValue& value(PickleRef ref) const { return out_.values[ref]; }
  const Pickle& pickle() const { return out_; }

  /// Appends to the list or dict on top.
  void extend(PickleKind kind, const std::vector<PickleRef>& items);

  void remember(std::uint64_t slot);
  void remember_next() { remember(memo_.size()); }
  void recall(std::uint64_t slot);

  /// Counts references that are about to be copied.
  void spend(std::size_t items);

  /// The pickle, when one value alone is left.
  Pickle finish();

 private:
  PickleRef add(PickleValue value);
  void expect_pairs(PickleKind kind, std::size_t count) const;
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  const PickleReader& reader_;
  Pickle out_;
  std::size_t items_ = 0;
  std::vector<PickleRef> stack_, memo_;
  std::vector<std::size_t> marks_;
};

}  // namespace sumi
