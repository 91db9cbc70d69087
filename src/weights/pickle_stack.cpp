#include "weights/pickle_stack.h"

#include <fmt/format.h>

#include <limits>

namespace sumi {
namespace {

// A full training checkpoint of SD 1.5 with its optimiser has some 60,000 values. With these limits
// a hostile pickle of a few megabytes cannot grow past 64 MiB.
constexpr std::size_t kMaxValues = 250'000;
constexpr std::size_t kMaxItems = 1'500'000;
constexpr std::size_t kMaxMemo = 250'000;
constexpr std::size_t kMaxPickledTensors = 50'000;
constexpr std::size_t kMaxMarks = 10'000;
constexpr PickleRef kNothing = std::numeric_limits<PickleRef>::max();

}  // namespace

PickleRef PickleStack::add(PickleValue value) {
  if (out_.values.size() == kMaxValues)
    reader_.fail(fmt::format("the pickle holds more than {} values", kMaxValues));
  out_.values.push_back(std::move(value));
  return static_cast<PickleRef>(out_.values.size() - 1);
}

void PickleStack::spend(std::size_t items) {
  if ((items_ += items) > kMaxItems)
    reader_.fail(fmt::format("the pickle moves more than {} items", kMaxItems));
}

void PickleStack::push(PickleRef ref) {
  spend(1);
  stack_.push_back(ref);
}

void PickleStack::expect_pairs(PickleKind kind, std::size_t count) const {
  if (kind == PickleKind::dict && count % 2 != 0)
    reader_.fail("a dict of the pickle has a key without a value");
}

void PickleStack::push_items(PickleKind kind, std::vector<PickleRef> items) {
  expect_pairs(kind, items.size());
  spend(items.size());
  push_new(PickleValue{.kind = kind, .text = {}, .items = std::move(items)});
}

void PickleStack::push_tensor(PickleTensor tensor, PickleRef storage) {
  if (out_.tensors.size() == kMaxPickledTensors)
    reader_.fail(fmt::format("more than {} tensors", kMaxPickledTensors));
  out_.tensors.push_back(std::move(tensor));
  push_new(PickleValue{.kind = PickleKind::tensor,
                       .number = static_cast<std::int64_t>(out_.tensors.size() - 1),
                       .text = {},
                       .items = {storage}});
}

PickleRef PickleStack::pop() {
  if (stack_.size() <= floor()) reader_.fail("the pickle takes a value from an empty stack");
  const PickleRef ref = stack_.back();
  stack_.pop_back();
  return ref;
}

std::vector<PickleRef> PickleStack::pop_many(std::size_t count) {
  std::vector<PickleRef> items(count);
  for (std::size_t i = count; i-- > 0;) items[i] = pop();
  return items;
}

std::vector<PickleRef> PickleStack::pop_mark() {
  if (marks_.empty()) reader_.fail("the pickle looks for a mark that was never set");
  const auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<PickleRef> items(from, stack_.end());
  stack_.erase(from, stack_.end());
  marks_.pop_back();
  return items;
}

void PickleStack::push_mark() {
  if (marks_.size() == kMaxMarks)
    reader_.fail(fmt::format("the pickle nests deeper than {} marks", kMaxMarks));
  marks_.push_back(stack_.size());
}

PickleValue& PickleStack::top() {
  if (stack_.size() <= floor()) reader_.fail("the pickle looks at an empty stack");
  return out_.values[stack_.back()];
}

void PickleStack::extend(PickleKind kind, const std::vector<PickleRef>& items) {
  PickleValue& target = top();
  if (target.kind == PickleKind::inert) return;
  if (target.kind != kind) reader_.fail("the pickle fills something that is not a list or dict");
  expect_pairs(kind, items.size());
  spend(items.size());
  target.items.insert(target.items.end(), items.begin(), items.end());
}

void PickleStack::remember(std::uint64_t slot) {
  if (slot >= kMaxMemo) reader_.fail(fmt::format("the pickle's memo slot {} is too large", slot));
  top();
  if (slot >= memo_.size()) memo_.resize(slot + 1, kNothing);
  memo_[slot] = stack_.back();
}

void PickleStack::recall(std::uint64_t slot) {
  if (slot >= memo_.size() || memo_[slot] == kNothing)
    reader_.fail(fmt::format("the pickle's memo slot {} is empty", slot));
  push(memo_[slot]);
}

Pickle PickleStack::finish() {
  out_.root = pop();
  if (!stack_.empty() || !marks_.empty()) reader_.fail("the pickle leaves values behind");
  out_.bytes = reader_.position();
  return std::move(out_);
}

}  // namespace sumi
